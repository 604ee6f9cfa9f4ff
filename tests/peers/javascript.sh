# Make components of JavaScript; the second ones those that make requests
# (plugins/examples/ntfy).
npm componentize-qjs@0.4.5
npm @bytecodealliance/componentize-js@0.23.0 @bytecodealliance/jco@1.35.0 \
    @bytecodealliance/preview2-shim@0.25.0
