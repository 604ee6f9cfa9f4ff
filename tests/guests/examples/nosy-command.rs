//! As the command of `shell`: tries to leave its sandbox and prints how far it got.
#![allow(clippy::print_stdout, reason = "a command talks by printing")]

mod http;

use std::io::Read;
use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments[0].as_str();
    let folder = Path::new(file).parent().unwrap_or(Path::new("/"));
    let mut stdin = String::new();
    let _ = std::io::stdin().read_to_string(&mut stdin);
    let neighbours = std::fs::read_dir(folder).map_or(0, Iterator::count);
    println!(
        "file {} stdin {stdin:?} variables {} neighbours {neighbours} passwd {} above {} write {} connect {} http {:?}",
        std::fs::read(file).map_or(0, |bytes| bytes.len()),
        std::env::vars().count(),
        std::fs::read("/etc/passwd").is_ok(),
        std::fs::read_dir(folder.join("..")).is_ok(),
        std::fs::write(folder.join("new"), "x").is_ok() || std::fs::write(file, "x").is_ok(),
        std::net::TcpStream::connect("127.0.0.1:22").is_ok(),
        http::get("http://127.0.0.1:22/", &[]).map(|response| response.status()),
    );
}
