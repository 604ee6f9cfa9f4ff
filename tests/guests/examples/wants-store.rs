//! Keeps every file in `deliver`, first outside its folder, then properly.

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, store};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let results: Vec<String> = upload
        .files
        .iter()
        .flat_map(|file| ["../../escape", "ok.jpg"].map(|name| (file.index, name)))
        .map(|(index, name)| format!("{index} as {name}: {:?}", store::put(index, name)))
        .collect();
    Ok(receipt(results.join("; ")))
}

action!(deliver);
