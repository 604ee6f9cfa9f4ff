# Judges of whether a place can still be read from what leaves: exiftool, Pillow
# and ffmpeg (plugins/place/tests).
python pillow==13.0.0 imageio-ffmpeg==0.8.1
debian libimage-exiftool-perl
