"""What is done of a sweep survives whatever cuts it off or damages it: whole batches, and never a wrong one."""

import errno
import os
from pathlib import Path

import pyarrow as pa
import pytest
from meterstorm.experiments.sweeps import store

COLUMNS = pa.schema(
    [("point", pa.int32()), ("arm", pa.string()), ("grants", pa.float64()), ("error", pa.string())]
)


def batch_of(number):
    """A batch unlike any other."""
    points = [number, number + 100]
    return pa.record_batch(
        [points, [f"arm {number}", None], [None, number / 2], [None, "why\nnot"]], schema=COLUMNS
    )


def write(folder, numbers):
    """Write batches by one process; return where each one ended."""
    ends = []
    with store.Writer(folder, COLUMNS) as writer:
        for number in numbers:
            writer.append(batch_of(number))
            ends.append(streams(folder)[-1].stat().st_size)
    return ends


def streams(folder) -> list[Path]:
    return sorted(folder.glob("*.arrows"))


def numbers_in(folder):
    """The batches that are read; each must be one that was written, to the last bit and the last type."""
    found = []
    for rows in store.read(folder):
        number = rows["point"][0].as_py()
        assert rows.equals(batch_of(number)) and rows.schema.equals(COLUMNS, check_metadata=True)
        found.append(number)
    return found


def test_batches_are_read_in_the_order_in_which_they_were_written(tmp_path):
    for numbers in ([0, 1], [], [2]):
        write(tmp_path, numbers)
    assert [path.name for path in streams(tmp_path)] == ["0000.arrows", "0001.arrows", "0002.arrows"]
    assert numbers_in(tmp_path) == [0, 1, 2]


def test_the_ten_thousandth_process_is_still_the_last(tmp_path):
    (tmp_path / "9999.arrows").touch()
    write(tmp_path, [1])
    write(tmp_path, [2])
    assert numbers_in(tmp_path) == [1, 2]


def test_a_batch_is_on_disk_once_it_is_appended(tmp_path):
    with store.Writer(tmp_path, COLUMNS) as writer:
        for number in range(3):
            writer.append(batch_of(number))
            assert numbers_in(tmp_path) == list(range(number + 1))


def test_a_stream_cut_off_at_any_byte_keeps_the_whole_batches_before(tmp_path, caplog):
    ends = write(tmp_path, range(3))
    write(tmp_path, [7])
    file = streams(tmp_path)[0]
    content = file.read_bytes()
    assert ends[-1] == len(content)
    for size in range(len(content) + 1):
        file.write_bytes(content[:size])
        whole = sum(end <= size for end in ends)
        assert numbers_in(tmp_path) == [*range(whole), 7]
        caplog.clear()
        store.mend(tmp_path)
        assert numbers_in(tmp_path) == [*range(whole), 7]
        told = f"{file}: its end was cut off or damaged; whole batches kept: {whole}"
        assert caplog.messages == ([] if size in (0, *ends) else [told])
        caplog.clear()
        store.mend(tmp_path)
        assert caplog.messages == []


@pytest.mark.slow
def test_no_flipped_bit_gives_a_wrong_row_or_touches_another_stream(tmp_path):
    write(tmp_path, range(3))
    write(tmp_path, [7])
    file = streams(tmp_path)[0]
    content = file.read_bytes()
    seen = set()
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        *mine, other = numbers_in(tmp_path)
        assert other == 7 and mine == sorted(set(mine)) and set(mine) <= {0, 1, 2}
        seen.add(tuple(mine))
    assert seen >= {(), (0,), (0, 1), (0, 2), (1, 2), (0, 1, 2)}  # damage within a batch costs this one only


def test_a_damaged_batch_is_told_once_and_its_end_is_kept(tmp_path, caplog):
    ends = write(tmp_path, range(3))
    file = streams(tmp_path)[0]
    content = bytearray(file.read_bytes())
    content[content.index(b"arm 1")] ^= 1
    file.write_bytes(content)
    store.mend(tmp_path)
    assert numbers_in(tmp_path) == [0, 2]
    assert file.stat().st_size == ends[-1]
    assert caplog.messages == [f"{file}: batch 1 is damaged; its worlds are not counted as done"]


def test_what_comes_after_a_mended_end_goes_into_a_stream_of_its_own(tmp_path):
    ends = write(tmp_path, range(2))
    os.truncate(streams(tmp_path)[0], ends[-1] - 3)
    store.mend(tmp_path)
    write(tmp_path, [1, 2])
    assert numbers_in(tmp_path) == [0, 1, 2]


class Full:
    """A file on a disk that gets full."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        if len(data) > self.room:
            self.file.write(bytes(data)[: self.room])
            self.room = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(data)
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 100, 900, 1500])
def test_a_full_disk_is_an_error_and_what_fitted_is_kept(room, tmp_path, monkeypatch):
    opened = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda path, mode="r": Full(opened(path, mode), room))
        with pytest.raises(OSError, match="No space left on device") as caught:
            write(tmp_path, range(9))
    assert caught.value.errno == errno.ENOSPC
    store.mend(tmp_path)
    kept = numbers_in(tmp_path)
    assert kept == list(range(len(kept))) and len(kept) < 9
    write(tmp_path, [8])
    assert numbers_in(tmp_path) == [*kept, 8]
