package main

import _ "NAME/exports/wit_exports"

// Never called: the host calls what exports/ exports.
func main() {}
