//! Names of files that strangers chose, made safe for every file system.

/// Longest name, in bytes; leaves room for a number in a limit of 255.
const LONGEST: usize = 128;

/// Makes a file name of what a camera sent: the last part of a path, without
/// control characters, characters that a common file system forbids or that
/// reverse the reading direction; never hidden, empty or a device's name, at
/// most 128 bytes. Letters of every script stay. None if it points upwards
/// (`..`): no camera sends that.
pub fn safe(name: &str) -> Option<String> {
    let mut parts = name.split(['/', '\\']);
    if parts.clone().any(|part| part.trim() == "..") {
        return None;
    }
    let last = parts.next_back().unwrap_or_default();
    let cleaned: String = last
        .chars()
        .filter(|c| !c.is_control() && !turns_direction(*c))
        .map(|c| if "<>:\"|?*".contains(c) { '_' } else { c })
        .collect();
    let trimmed = cleaned.trim_matches(|c: char| c.is_whitespace() || c == '.');
    let name = shorten(trimmed);
    let stem = name.split('.').next().unwrap_or_default();
    if stem.is_empty() || is_device(stem) {
        return Some(format!("file_{name}"));
    }
    Some(name)
}

/// Whether `name` can be used as it is.
pub fn is_safe(name: &str) -> bool {
    safe(name).as_deref() == Some(name)
}

/// `name` with a number before its extension: `SAM_0042-2.JPG`.
pub fn numbered(name: &str, number: usize) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
        None => format!("{name}-{number}"),
    }
}

fn shorten(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let end = stem.floor_char_boundary(LONGEST - extension.len());
    format!("{}{extension}", stem[..end].trim_end_matches(['.', ' ']))
}

/// Marks that make `gpj.exe` look like `exe.jpg`.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Names that Windows keeps for devices, whatever their extension.
fn is_device(stem: &str) -> bool {
    let stem = stem.trim_end().to_ascii_uppercase();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4
            && (stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.ends_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_safe_and_stay_readable() {
        let cases = [
            ("SAM_0042.JPG", "SAM_0042.JPG"),
            ("여름 휴가.JPG", "여름 휴가.JPG"),
            ("C:\\DCIM\\100PHOTO\\SAM_0042.JPG", "SAM_0042.JPG"),
            ("/etc/passwd", "passwd"),
            (".bashrc", "bashrc"),
            ("a\nb\u{0}c\u{202e}gpj.exe", "abcgpj.exe"),
            ("what?.jpg ", "what_.jpg"),
            ("con.JPG", "file_con.JPG"),
            ("", "file_"),
            ("...", "file_"),
            ("-rf", "-rf"),
        ];
        for (sent, kept) in cases {
            assert_eq!(safe(sent).as_deref(), Some(kept), "{sent:?}");
            assert!(is_safe(kept), "{kept:?}");
        }
    }

    #[test]
    fn a_name_that_points_upwards_is_refused() {
        for name in ["../../x", "..\\x", "a/../b", ".."] {
            assert_eq!(safe(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = safe(&format!("{}.JPG", "ä".repeat(300))).unwrap();
        assert!(name.len() <= LONGEST && name.ends_with(".JPG"), "{name}");
        assert!(is_safe(&name));
    }
}
