# Compiles C for WASI.
debian clang lld wasi-libc libclang-rt-dev-wasm32
program clang usr/bin/clang
sed -i "s| \"\\\$@\"| --sysroot=$PWD/usr \"\$@\"|" bin/clang
