//! `afterimage dns`: what to paste into a name server, and where the names
//! lead now.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;

use crate::dns::{Format, NAMES, lookup};

/// Port of name servers.
const PORT: u16 = 53;

/// Arguments of `dns`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// This server's address, as cameras reach it [default: the one that this
    /// machine uses in its network]
    #[arg(long, value_name = "IP")]
    address: Option<Ipv4Addr>,
    /// Print what to paste elsewhere
    #[arg(long, value_enum, required_unless_present = "check")]
    format: Option<Format>,
    /// Ask a name server where each name leads, and say what is wrong
    #[arg(long)]
    check: bool,
    /// The name server to ask, as cameras do [default: this machine's]
    #[arg(long, value_name = "IP[:PORT]", value_parser = server, requires = "check")]
    server: Option<SocketAddr>,
}

/// An address, with the port of name servers where none is written.
fn server(written: &str) -> Result<SocketAddr, String> {
    let address = written.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
    let parsed = address.or_else(|_| written.parse());
    parsed.map_err(|_| "write an address, 192.168.1.1 or 192.168.1.1:53".to_owned())
}

/// Prints, with `say`, what is asked for; whether all is well.
///
/// # Errors
/// This machine has no address or no name server, and none was named.
pub fn run(arguments: &Arguments, say: &dyn Fn(&str)) -> anyhow::Result<bool> {
    let address = match arguments.address {
        Some(address) => address,
        None => {
            lookup::own_address().context("name this server's address: --address 192.168.1.10")?
        }
    };
    if let Some(format) = arguments.format {
        say(format.lines(address).trim_end());
    }
    match arguments.check {
        true => check(address, arguments.server, say),
        false => Ok(true),
    }
}

fn check(
    address: Ipv4Addr,
    server: Option<SocketAddr>,
    say: &dyn Fn(&str),
) -> anyhow::Result<bool> {
    let server = match server {
        Some(server) => server,
        None => lookup::resolver().context("name the name server to ask: --server 192.168.1.1")?,
    };
    let mut well = true;
    for name in NAMES {
        // The last two belong to others; some models look them up (README).
        let needed = name.contains("samsung") || name.contains("ospserver");
        let wrong = match lookup::addresses(server, name) {
            Ok(found) if found == [address] => {
                say(&format!("ok       {name} leads to {address}"));
                continue;
            }
            Ok(found) if found.is_empty() => "leads nowhere".to_owned(),
            Ok(found) => {
                let found: Vec<String> = found.iter().map(ToString::to_string).collect();
                format!("leads to {}, not to {address}", found.join(" and "))
            }
            // Nothing will answer for the other names either.
            Err(error @ lookup::LookupError::Silent(_)) => {
                say(&format!("failed   {error}"));
                return Ok(false);
            }
            Err(error) => error.to_string(),
        };
        let (word, models) = match needed {
            true => ("failed ", ""),
            false => ("warning", " (some models need it, see the table of cameras)"),
        };
        say(&format!("{word}  {name} {wrong}{models}"));
        well &= !needed;
    }
    if !well {
        say(&format!(
            "Teach the name server {} (`afterimage dns --address {address} --format ...` prints \
             the lines), or set DNS_LISTEN and let cameras ask this server",
            server.ip()
        ));
    }
    Ok(well)
}
