//! Tries to keep a file anywhere but in its folder.

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, store};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let names = [
        "../escape.jpg",
        "/tmp/afterimage-escape.jpg",
        "a/../../escape.jpg",
        "sub/escape.jpg",
        "..",
        ".",
        "",
        ".hidden",
        "a\0b.jpg",
        "a\nb.jpg",
        "C:\\escape.jpg",
        "~/escape.jpg",
    ];
    let taken: Vec<&str> = names.into_iter().filter(|name| store::put(0, name).is_ok()).collect();
    let last = store::put(0, "inside.jpg");
    Ok(receipt(format!("escaped {taken:?}, inside {last:?}, other file {:?}", store::put(7, "x"))))
}

action!(deliver);
