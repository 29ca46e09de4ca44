from PIL import Image

from onnxcam.metadata import Preprocessing
from onnxcam.photograph.geometry import geometry
from onnxcam.photograph.placed import PlacedPhotograph


def test_the_box_is_in_the_images_own_pixels():
    steps = Preprocessing(resize=20, crop=10)
    placed = geometry((60, 40), steps)
    assert PlacedPhotograph(Image.new("RGB", (60, 40)), placed).box == (20, 10, 40, 30)
    # Decoded at half of its size, the image has half as many pixels, and so has the box.
    assert PlacedPhotograph(Image.new("RGB", (30, 20)), placed).box == (10, 5, 20, 15)
