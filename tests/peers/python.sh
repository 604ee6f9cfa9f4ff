# Makes components of Python.
python componentize-py==0.25.1
