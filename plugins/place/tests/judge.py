"""Judges files before and after their place was taken out, with the programs
of others: exiftool, Pillow and ffmpeg.

    judge.py EXIFTOOL BEFORE AFTER [MARK...]

BEFORE and AFTER are folders; AFTER may lack files, which were refused. A line
for each fault; the exit code is 1 if there is one. MARKs must not be anywhere
in the bytes of AFTER.
"""

import os
import re
import subprocess
import sys
import warnings

import imageio_ffmpeg
from PIL import Image

PLACE = re.compile(
    r"gps|locat|latitude|longitude|coordinate|city|country|state$|province|region|address"
    r"|geo[a-z]|sublocation|landmark|\bplace|areamark|paristext|thumbnailimage|previewimage"
    r"|embeddedvideo|jpgfromraw|otherimage|mpimage",
    re.IGNORECASE,
)
KEPT = {
    "IFD0": ["Make", "Model", "Orientation", "ModifyDate"],
    "ExifIFD": [
        "DateTimeOriginal", "CreateDate", "OffsetTime", "OffsetTimeOriginal",
        "OffsetTimeDigitized", "SubSecTime", "SubSecTimeOriginal", "SubSecTimeDigitized",
    ],
    "QuickTime": ["CreateDate", "ModifyDate", "MatrixStructure", "Duration"],
    "Track1": ["TrackCreateDate", "MatrixStructure", "ImageWidth", "ImageHeight"],
}
VIDEOS = (".mp4", ".mov")


def tags(exiftool, folder, *options):
    """What exiftool reads of each file: (group, tag, value)."""
    output = subprocess.run(
        [*exiftool, "-a", "-u", *options, "-G1", "-s", "-r", folder, "/dev/null"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
    ).stdout.decode("utf-8", "replace")
    found, current = {}, None
    for line in output.splitlines():
        if line.startswith("======== "):
            current = found.setdefault(os.path.basename(line[9:]), [])
        elif match := re.match(r"\[(\S+)\]\s+(\S+)\s+: ?(.*)", line):
            if match[1] not in ("ExifTool", "System", "File") and current is not None:
                current.append(match.groups())
    return found


def kept(read):
    values = {}
    for group, tag, value in read:
        if tag in KEPT.get(group, ()):
            values.setdefault((group, tag), value)
    return values


def pixels(path):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=["JPEG"]) as image:
                image.load()
                return image.mode, image.size, image.tobytes(), image.info.get("icc_profile")
    except Exception:
        return None


def stream(path):
    """A digest of the decoded picture and sound."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-nostdin", "-i", path]
    output = subprocess.run([*command, "-f", "md5", "-"], capture_output=True, check=False)
    return output.stdout if output.returncode == 0 else None


def judge(exiftool, before, after, marks):
    read_after = tags(exiftool, after, "-ee3")
    # Without what is embedded: second pictures have EXIF of their own.
    kept_before, kept_after = tags(exiftool, before), tags(exiftool, after)
    for name in sorted(os.listdir(after)):
        old, new = os.path.join(before, name), os.path.join(after, name)
        read = read_after.get(name)
        if read is None:
            yield f"{name}: exiftool does not read it"
            continue
        for group, tag, value in read:
            if PLACE.search(tag) or PLACE.search(value):
                yield f"{name}: {group}:{tag} says {value!r}"
        was, now = kept(kept_before.get(name, [])), kept(kept_after.get(name, []))
        for key, value in was.items():
            if now.get(key) != value:
                yield f"{name}: {key[0]}:{key[1]} was {value!r} and is {now.get(key)!r}"
        with open(new, "rb") as file:
            content = file.read()
        for mark in marks:
            if mark.encode("latin-1") in content or mark.encode("utf-16-le") in content:
                yield f"{name}: {mark!r} is in its bytes"
        if name.endswith(VIDEOS):
            was, now = stream(old), stream(new)
        else:
            was, now = pixels(old), pixels(new)
        if was is not None and was != now:
            yield f"{name}: picture or sound is not what it was"


if __name__ == "__main__":
    exiftool, before, after, *marks = sys.argv[1:]
    # A package of Debian that is only unpacked.
    library = os.path.join(os.path.dirname(exiftool), "..", "share", "perl5")
    faults = list(judge(["perl", "-I", library, exiftool], before, after, marks))
    print("\n".join(faults))
    sys.exit(1 if faults else 0)
