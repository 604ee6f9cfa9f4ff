//! What all pages share: a contact sheet on a dark-room table.

use maud::{DOCTYPE, Markup, html};

/// Appearance, for light and dark, phone and desktop.
pub const STYLE: &[u8] = include_bytes!("assets/style.css");

/// What pages can do in addition where scripts run.
pub const SCRIPT: &[u8] = include_bytes!("assets/script.js");

/// The program's sign.
pub const ICON: &[u8] = include_bytes!("assets/icon.svg");

/// The pages of the menu: address, name.
const MENU: [(&str, &str); 5] = [
    ("", "Now"),
    ("gallery/", "Gallery"),
    ("cameras", "Cameras"),
    ("plugins", "Plugins"),
    ("set-up", "Set-up"),
];

/// A whole page. `up` leads to the first one; `here` is its address in the
/// menu.
pub fn page(up: &str, title: &str, here: &str, content: &Markup) -> Markup {
    frame(
        up,
        title,
        &html! {
            header {
                a.mark href=(up) { img src=(format!("{up}icon.svg")) alt="" width="28" height="28"; "Afterimage" }
                nav aria-label="Pages" {
                    @for (address, name) in MENU {
                        @let current = (address == here).then_some("page");
                        a href=(format!("{up}{address}")) aria-current=[current] { (name) }
                    }
                }
                form.leave method="post" action=(format!("{up}logout")) { button { "Log out" } }
            }
            main #content tabindex="-1" { h1 { (title) } (content) }
        },
    )
}

/// The page that asks for the password.
pub fn login(up: &str, words: Option<&str>) -> Markup {
    frame(
        up,
        "Log in",
        &html! {
            main.login {
                h1 { "Afterimage" }
                form method="post" action=(format!("{up}login")) {
                    @if let Some(words) = words { p.bad role="alert" { (words) } }
                    label for="password" { "Password" }
                    input #password type="password" name="password" autocomplete="current-password" required autofocus;
                    button { "Log in" }
                }
            }
        },
    )
}

fn frame(up: &str, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Afterimage" }
                link rel="icon" href=(format!("{up}icon.svg"));
                link rel="stylesheet" href=(format!("{up}style.css"));
                script src=(format!("{up}script.js")) defer {}
            }
            body data-up=(up) {
                a.skip href="#content" { "To the content" }
                (body)
            }
        }
    }
}

/// A button that changes something by a POST to `action`.
pub fn button(action: &str, words: &str) -> Markup {
    html! { form.inline method="post" action=(action) { button { (words) } } }
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes;
    let mut unit = 0;
    // Tenths of the unit, rounded down.
    while value >= 1_000_000 && unit + 1 < units.len() {
        value /= 1000;
        unit += 1;
    }
    match value / 1000 {
        whole @ ..10 => format!("{whole}.{} {}", value % 1000 / 100, units[unit]),
        whole => format!("{whole} {}", units[unit]),
    }
}

/// A time that a script shows in the reader's zone; without one it is UTC.
pub fn moment(rfc3339: &str) -> Markup {
    let plain = rfc3339.replace('T', " ");
    html! { time datetime=(rfc3339) { (plain.trim_end_matches('Z')) " UTC" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, words) in [
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (12_345, "12 kB"),
            (999_999, "999 kB"),
            (5_200_000, "5.2 MB"),
            (4_294_967_296, "4.2 GB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }
}
