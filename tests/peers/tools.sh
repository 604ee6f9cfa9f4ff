# What C and Go need to make components.
crate wit-bindgen-cli@0.63.0 --no-default-features --features c,go
crate wasm-component-ld@0.5.31

# The bindings of Go rest on a module. The crate of their generator has it; a
# module proxy of files serves it, so that the tests need no other registry.
version=v0.4.0
crate=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/wit-bindgen-go-0.63.0/src/pkg | head -1)
module=proxy/go.bytecodealliance.org/pkg/@v
mkdir -p "$module"
cp "$crate/go.mod" "$module/$version.mod"
echo "{\"Version\":\"$version\"}" >"$module/$version.info"
echo "$version" >"$module/list"
python3 - "$crate" "$module/$version.zip" "go.bytecodealliance.org/pkg@$version" <<'PYTHON'
import pathlib, sys, zipfile

source, archive, prefix = sys.argv[1:]
with zipfile.ZipFile(archive, "w") as archive:
    for file in sorted(pathlib.Path(source).rglob("*")):
        if file.name == "go.mod" or file.suffix in (".go", ".s"):
            archive.write(file, f"{prefix}/{file.relative_to(source)}")
PYTHON
