"""``python -m onnxcam``."""

import sys

from onnxcam.cli import main

sys.exit(main())
