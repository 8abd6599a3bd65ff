"""Files that change, vanish and come back."""

from pathlib import Path

from exeat.config.watch import Watch


def test_a_change_counts_once(tmp_path: Path) -> None:
    """A change is told once, when two looks agree on it."""
    path = tmp_path / "a"
    path.write_text("1")
    watch = Watch([path])
    assert [watch.changed(), watch.changed()] == [False, False]
    path.write_text("22")
    assert [watch.changed(), watch.changed(), watch.changed()] == [False, True, False]


def test_half_written(tmp_path: Path) -> None:
    """A file that still grows is left alone."""
    path = tmp_path / "a"
    path.write_text("")
    watch = Watch([path])
    for length in range(1, 4):
        path.write_text("x" * length)
        assert not watch.changed()
    assert watch.changed()


def test_away_for_a_moment(tmp_path: Path) -> None:
    """A file that is deleted and written again as it was is no change; one that stays away is."""
    path = tmp_path / "a"
    path.write_text("1")
    watch = Watch([path])
    away = path.rename(tmp_path / "b")
    assert not watch.changed()
    away.rename(path)
    assert [watch.changed(), watch.changed()] == [False, False]
    path.unlink()
    assert [watch.changed(), watch.changed()] == [False, True]


def test_a_file_appears(tmp_path: Path) -> None:
    """A file that wasn't there may come."""
    watch = Watch([tmp_path / "late"])
    (tmp_path / "late").write_text("1")
    assert [watch.changed(), watch.changed()] == [False, True]


def test_swapped_link(tmp_path: Path) -> None:
    """A ConfigMap swaps the link to its folder; a file seen through it has changed, though its own name hasn't."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "exeat.yaml").write_text("same size")
    (tmp_path / "data").symlink_to("1")
    path = tmp_path / "exeat.yaml"
    path.symlink_to("data/exeat.yaml")
    watch = Watch([path])
    (tmp_path / "swap").symlink_to("2")
    (tmp_path / "swap").rename(tmp_path / "data")
    assert [watch.changed(), watch.changed()] == [False, True]


def test_followed_files_keep_what_they_were(tmp_path: Path) -> None:
    """A change between the first look and the end of a load isn't lost."""
    document, secret = tmp_path / "d", tmp_path / "s"
    document.write_text("1")
    watch = Watch([document])
    document.write_text("22")
    secret.write_text("s")
    watch.follow([document, secret])
    assert [watch.changed(), watch.changed()] == [False, True]
