# The two commands a newcomer needs. Both do their set-up themselves; all they
# want is rustup and a C compiler.

.PHONY: run test lint bench setup

run: setup
	cargo build --release --locked
	target/release/afterimage serve --config config.toml --listen '*:8080'

test: setup
	tests/peers/setup
	tests/peers/setup-mastodon
	tests/peers/setup-languages || true
	cargo test --workspace --locked

lint: setup
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench: setup
	cargo bench --locked

# Also where rustup is told not to install what rust-toolchain.toml asks for.
setup:
	@rustup target list --installed | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2
