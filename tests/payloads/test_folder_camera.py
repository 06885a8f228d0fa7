import os
import warnings

import numpy as np
import pytest
from PIL import Image

from payloads import folder_camera
from payloads.folder_camera import FolderCamera

RED, GREEN, GREY = (255, 0, 0), (0, 255, 0), (77, 77, 77)


def picture(colour, height=8, width=8):
    return np.full((height, width, 3), colour, np.uint8)


def colours(camera, times_s):
    return [tuple(camera.tile(t_s).pixels[0, 0].tolist()) for t_s in times_s]


def test_pictures_of_every_kind_take_turns_in_the_order_of_their_names(tmp_path):
    Image.fromarray(picture(RED)).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", np.stack([picture(GREEN), picture(RED)]))
    np.save(tmp_path / "c.npy", picture(GREEN))
    np.save(tmp_path / "d.npy", picture(GREY)[..., 0])
    Image.fromarray(picture(GREY)).save(tmp_path / "e.JPG")
    (tmp_path / "notes.txt").write_text("passed over")
    camera = FolderCamera.from_folder(tmp_path, 8, 8, period_s=10.0)
    assert colours(camera, range(0, 70, 10)) == [RED, GREEN, RED, GREEN, GREY, GREY, RED]
    assert camera.names == ("a.png", "b.npy[0]", "b.npy[1]", "c.npy", "d.npy", "e.JPG")


def test_the_time_alone_says_which_picture_is_shown(tmp_path):
    np.save(tmp_path / "two.npy", np.stack([picture(RED), picture(GREEN)]))
    camera = FolderCamera.from_folder(tmp_path, 8, 8, period_s=0.1)
    forwards = colours(camera, [k * 0.1 for k in range(1000)])
    backwards = colours(camera, [k * 0.1 for k in reversed(range(1000))])
    assert forwards == [RED, GREEN] * 500
    assert backwards == forwards[::-1]


def test_nobody_claims_to_know_the_truth_of_a_users_picture(tmp_path):
    Image.fromarray(picture(RED)).save(tmp_path / "a.png")
    tile = FolderCamera.from_folder(tmp_path).tile(0.0)
    assert (tile.source, tile.cloud_fraction, tile.sunlit) == ("a.png", None, None)


def test_another_size_is_resized_to_what_the_model_wants(tmp_path):
    ramp = np.linspace(0, 255, 100).astype(np.uint8)
    np.save(tmp_path / "ramp.npy", np.tile(ramp, (50, 1)))
    pixels = FolderCamera.from_folder(tmp_path, height_px=20, width_px=40).tile(0.0).pixels
    assert pixels.shape == (20, 40, 3)
    assert abs(pixels[0, :, 0] - np.linspace(0, 255, 40)).max() < 8  # edges of a bilinear filter


def whole_png_cut_short(folder):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        folder / "cut.png"
    )
    whole = (folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])


def archive_called_npy(folder):
    with (folder / "a.npy").open("wb") as file:
        np.savez(file, pixels=picture(RED))


def npy_header(shape):
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (117 - len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def claiming(*shape):
    return lambda folder: (folder / "a.npy").write_bytes(npy_header(shape))


def png_bomb(edge_px):
    def spoil(folder):
        blank = Image.new("1", (edge_px, edge_px))
        blank.save(folder / "a.png")

    return spoil


broken_folders = {
    "an archive called .npy": (archive_called_npy, r"a\.npy is no readable NPY file"),
    "a terabyte that is not there": (
        claiming(10**6, 10**6, 3),
        r"a\.npy is no readable NPY file \(1000000 x 1000000 px, and at most 67,108,864 are read",
    ),
    "more tiles than bytes": (claiming(10**30, 8, 8, 3), r"a\.npy .* cut short: shape \(10{30},"),
    "fewer than no tiles": (claiming(-1, 8, 8, 3), r"a\.npy has shape \(-1, 8, 8, 3\)"),
    "a header without an end": (
        lambda folder: (folder / "a.npy").write_bytes(
            npy_header((8, 8)).replace(b"(8, 8)", b"(8, 8[")
        ),
        r"a\.npy is no readable NPY file",
    ),
    "a picture that fills the memory": (
        png_bomb(8193),
        r"a\.png is no readable picture \(8193 x 8193 px, and at most 67,108,864",
    ),
    "a picture that Pillow warns of": (
        png_bomb(9500),
        r"a\.png is no readable picture \(9500 x 9500 px, and at most 67,108,864",
    ),
    "a decompression bomb": (png_bomb(13_500), r"a\.png is no readable picture .*bomb"),
    "only a pipe": (lambda folder: os.mkfifo(folder / "a.png"), "holds no picture"),
    "only a folder": (lambda folder: (folder / "a.png").mkdir(), "holds no picture"),
    "a name of two lines": (
        lambda folder: (folder / "a\nb.png").write_text("hello"),
        r"a\\nb\.png is no readable picture",
    ),
    "no picture": (
        lambda folder: (folder / "notes.txt").write_text(""),
        r"holds no picture; put at least one \.png",
    ),
    "not a picture": (
        lambda folder: (folder / "a.png").write_text("hello"),
        r"a\.png is no readable picture \(.*such as",
    ),
    "a picture cut short": (whole_png_cut_short, r"cut\.png is no readable picture"),
    "not an array": (
        lambda folder: (folder / "a.npy").write_bytes(b"hello"),
        r"a\.npy is no readable NPY file .*numpy\.save",
    ),
    "an empty array file": (
        lambda folder: (folder / "a.npy").write_bytes(b""),
        r"a\.npy is no readable NPY file",
    ),
    "a pickle": (
        lambda folder: np.save(folder / "a.npy", np.array([{}]), allow_pickle=True),
        r"a\.npy has dtype object; pixels need to be uint8",
    ),
    "floats": (
        lambda folder: np.save(folder / "a.npy", np.zeros((8, 8, 3))),
        r"a\.npy has dtype float64; pixels need to be uint8 in 0\.\.255, such as",
    ),
    "channels first": (
        lambda folder: np.save(folder / "a.npy", np.zeros((3, 8, 8), np.uint8)),
        r"a\.npy has shape \(3, 8, 8\); .*such as \(64, 64, 3\)",
    ),
    "no pixels": (
        lambda folder: np.save(folder / "a.npy", np.zeros((0, 8, 8, 3), np.uint8)),
        r"a\.npy has shape \(0, 8, 8, 3\); .*not empty",
    ),
}


@pytest.mark.parametrize("fault", broken_folders)
def test_a_broken_folder_is_explained_in_one_sentence(tmp_path, fault):
    spoil, sentence = broken_folders[fault]
    spoil(tmp_path)
    with pytest.raises(ValueError, match=sentence) as caught:
        FolderCamera.from_folder(tmp_path)
    assert str(caught.value).isprintable()
    assert str(tmp_path) in str(caught.value)


def test_a_missing_folder_is_explained(tmp_path):
    with pytest.raises(ValueError, match="is not a folder; name one that holds"):
        FolderCamera.from_folder(tmp_path / "nowhere")


def test_a_period_that_shows_nothing_is_refused(tmp_path):
    Image.fromarray(picture(RED)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"period_s = 0\.0 .* must be above 0"):
        FolderCamera.from_folder(tmp_path, period_s=0.0)


def test_a_pipe_beside_pictures_does_not_wait_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    Image.fromarray(picture(RED)).save(tmp_path / "b.png")
    assert FolderCamera.from_folder(tmp_path).names == ("b.png",)


def test_a_million_tiny_tiles_do_not_fill_the_memory_once_enlarged(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_camera, "MAX_BYTES", 5 * 64 * 64 * 3)  # gigabytes take too long
    np.save(tmp_path / "a.npy", np.zeros((5, 1, 1, 3), np.uint8))
    assert len(FolderCamera.from_folder(tmp_path).pictures) == 5
    np.save(tmp_path / "b.npy", np.zeros((10**6, 1, 1, 3), np.uint8))
    with pytest.raises(ValueError, match="holds more than 5 pictures") as caught:
        FolderCamera.from_folder(tmp_path)
    assert "64 x 64 px; take some out" in str(caught.value)


def test_a_palette_with_transparency_does_not_warn(tmp_path):
    pale = Image.fromarray(picture(RED)).quantize(2)
    pale.save(tmp_path / "a.png", transparency=b"\x00\x01")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert FolderCamera.from_folder(tmp_path).names == ("a.png",)
