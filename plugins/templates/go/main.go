package main

import _ "action/exports/wit_exports"

// Never called: the host calls what exports/ exports.
func main() {}
