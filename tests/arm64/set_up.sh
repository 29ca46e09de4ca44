#!/usr/bin/env bash
# Makes what the tests need to run this project's wheel on an emulated Raspberry Pi 4, and installs nothing:
#   set_up.sh FOLDER emulator   Debian 13's QEMU for programs
#   set_up.sh FOLDER root       Debian 12 for ARM64, as far as Python needs it
#   set_up.sh FOLDER site WHEEL the wheel and ONNX Runtime for ARM64, at the versions of constraints.txt
set -euo pipefail
folder=$1 part=$2
unpack=$(dirname "$0")/../debian_packages.sh
rm -rf "${folder:?}/$part"
mkdir -p "$folder/$part"
case $part in
emulator)
	"$unpack" trixie "$(dpkg --print-architecture)" "$folder/all" --alone qemu-user
	mv "$folder/all/usr/bin/qemu-aarch64" "$folder/emulator/"
	rm -r "$folder/all"
	;;
root)
	"$unpack" bookworm arm64 "$folder/root" python3.11 libstdc++6
	;;
site)
	.venv-build/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt --target "$folder/site" \
		--python-version 3.11 --implementation cp --only-binary=:all: \
		--platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 "$3[cpu]"
	;;
esac
touch "$folder/.$part"
