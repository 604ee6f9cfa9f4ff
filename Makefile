# The commands a newcomer needs. Each does its set-up itself; all they want is
# rustup and a C compiler. Nothing is installed in the system.

.PHONY: run test peers lint bench setup

run: setup
	cargo build --release --locked
	target/release/afterimage serve --config config.toml

test: setup
	cargo test --workspace --locked

# Other people's servers and tools, without which their tests are skipped: below
# target/peers, from Debian (unpacked), PyPI, npm and crates.io.
peers: setup
	tests/peers/setup

lint: setup
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench: setup
	cargo bench --locked

# Also where rustup is told not to install what rust-toolchain.toml asks for.
setup:
	@rustup target list --installed | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2
