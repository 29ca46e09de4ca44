"""Fuzzes each subject for a share of some seconds: ``python tests/fuzz/run.py SECONDS [SUBJECT …]``, or ``make fuzz``.

What is found is kept in ``fuzz-findings/`` and told; ``python tests/fuzz/run.py 0 SUBJECT FILE …`` runs it again. The
inputs that reached new code are kept there too, so that a later run goes on from them. With ``FUZZ_SEED=1`` a run
from nothing tries nearly the same inputs each time: a check of a change should not fail for what was there before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

from PIL import Image

FINDINGS = Path(__file__).parents[2] / "fuzz-findings"
LONGEST, SLOWEST, MEMORY = 2**16, 10, 2048  # bytes, seconds, MiB


def main(arguments: list[str]) -> int:
    """Runs each subject in a process of its own, since a crash ends the process."""
    seconds = float(arguments[0])
    from subjects import SUBJECTS  # noqa: PLC0415  a subject's own process imports it instrumented

    chosen = [name for name in arguments[1:] if name in SUBJECTS] or list(SUBJECTS)
    files = [name for name in arguments[1:] if name not in SUBJECTS]
    failed = []
    for name in chosen:
        share = str(max(1, round(seconds / len(chosen))))
        command = [sys.executable, __file__, "--subject", name, share, *files]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    told = f"something was found in {', '.join(failed)}; see {FINDINGS}" if failed else "nothing was found"
    sys.stdout.write(f"{', '.join(chosen)}: {told}\n")
    return 1 if failed else 0


def fuzz(name: str, seconds: str, files: list[str]) -> None:
    """Fuzzes one subject in this process, or runs files that were found; does not return."""
    import atheris  # noqa: PLC0415  only in an environment of its own

    with atheris.instrument_imports(include=["onnxcam"]):
        import subjects  # noqa: PLC0415
    from json_mutation import mutate  # noqa: PLC0415

    Image.MAX_IMAGE_PIXELS = subjects.MOST_PIXELS
    warnings.simplefilter("ignore")  # Pillow's, about damaged files
    corpus = FINDINGS / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(subjects.seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_len={LONGEST}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}", "-verbosity=0"]
    options += [f"-max_total_time={seconds}", f"-artifact_prefix={FINDINGS / name}/"]
    options += [f"-seed={os.environ.get('FUZZ_SEED', '0')}"]  # 0: another one each time
    if words := subjects.words(name):
        dictionary = FINDINGS / name / "words"
        dictionary.write_text("".join(f'"{word}"\n' for word in words))
        options.append(f"-dict={dictionary}")

    def mutated(content: bytes, longest: int, seed: int) -> bytes:
        changed = mutate(content, seed) if seed % 4 else None
        return atheris.Mutate(content, longest) if changed is None else changed[:longest]

    own = {"custom_mutator": mutated} if name in subjects.OF_JSON else {}
    atheris.Setup([name, *options, *(files or [str(corpus)])], lambda content: subjects.run(name, content), **own)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--subject":
        fuzz(sys.argv[2], sys.argv[3], sys.argv[4:])
    sys.exit(main(sys.argv[1:]))
