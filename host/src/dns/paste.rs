//! What to paste into a name server that is there already.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::zones::{NAMES, ZONES};

/// Whose words to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line for a file `hosts` of a router or of a computer
    Hosts,
    /// Lines for dnsmasq.conf; OpenWrt's router among others
    Dnsmasq,
    /// Lines for unbound.conf; OPNsense and pfSense among others
    Unbound,
    /// A file for NetworkManager's hotspot, where only cameras are
    Networkmanager,
    /// Files for the memory card of a camera (NX300, NX310, NX30, NX2000)
    Camera,
    /// Lines for Pi-hole's local DNS records
    Pihole,
}

impl Format {
    /// The lines by which the cameras' names lead to `address`.
    ///
    /// A household's own name server gets exact names: all of
    /// `samsungmobile.com` would take its phones' updates away. A network where
    /// only cameras are gets whole zones, since models ask for names that
    /// nobody has seen.
    pub fn lines(self, address: Ipv4Addr) -> String {
        let names = NAMES.join(" ");
        let each = |line: &dyn Fn(&str) -> String| NAMES.map(line).concat();
        match self {
            Self::Hosts => format!("{address} {names}\n"),
            Self::Dnsmasq => each(&|name| format!("address=/{name}/{address}\n")),
            Self::Unbound => {
                let mut lines = "server:\n".to_owned();
                lines += &each(&|name| {
                    format!(
                        "    local-zone: \"{name}.\" redirect\n    \
                         local-data: \"{name}. 60 IN A {address}\"\n"
                    )
                });
                lines
            }
            Self::Networkmanager => {
                let mut lines =
                    "# /etc/NetworkManager/dnsmasq-shared.d/afterimage.conf\n".to_owned();
                let others = NAMES.iter().filter(|name| !is_in_a_zone(name));
                for domain in ZONES.iter().chain(others) {
                    let _ = writeln!(lines, "address=/{domain}/{address}");
                }
                lines
            }
            Self::Camera => format!(
                "# The file hosts on the memory card:\n\
                 127.0.0.1 localhost\n\
                 {address} {names}\n\
                 # and these lines in the card's file autoexec.sh:\n\
                 mount / -o remount,rw\n\
                 cp /mnt/mmc/hosts /etc\n\
                 mount / -o remount,ro\n"
            ),
            Self::Pihole => {
                let mut lines = "# Settings > Local DNS Records, a line each; before version 6 \
                                 the file /etc/pihole/custom.list\n"
                    .to_owned();
                lines += &each(&|name| format!("{address} {name}\n"));
                lines
            }
        }
    }
}

fn is_in_a_zone(name: &str) -> bool {
    ZONES.iter().any(|zone| name.strip_suffix(zone).is_some_and(|before| before.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn a_household_keeps_its_phones() {
        for format in Format::value_variants() {
            let lines = format.lines(Ipv4Addr::new(192, 168, 1, 10));
            let zone = lines.contains("/samsungmobile.com/") || lines.contains("\"samsungmobile");
            assert_eq!(zone, *format == Format::Networkmanager, "{format:?}: {lines}");
        }
    }

    #[test]
    fn every_name_stands_in_every_household_format() {
        for format in Format::value_variants() {
            let lines = format.lines(Ipv4Addr::new(192, 168, 1, 10));
            for name in NAMES {
                let zone = name.split_once('.').expect("a name has a dot").1;
                assert!(lines.contains(name) || lines.contains(&format!("/{zone}/")), "{lines}");
            }
        }
    }
}
