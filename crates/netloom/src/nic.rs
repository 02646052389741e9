//! A physical NIC that a scenario begins with.

use std::str::FromStr;

/// A name and an Ethernet address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// The link's name.
    pub name: String,
    /// Its address.
    pub mac: [u8; 6],
}

/// The address of a NIC that is given none.
const DEFAULT_MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

impl Nic {
    /// Reads `NAME MAC`.
    pub fn from_line(words: &str) -> Option<Nic> {
        let mut words = words.split_ascii_whitespace();
        let (name, mac) = (words.next()?, words.next()?);
        let mac = parse_mac(mac)?;
        words.next().is_none().then(|| Nic { name: name.into(), mac })
    }

    /// The line that stands for it in a transcript.
    pub fn line(&self) -> String {
        let [a, b, c, d, e, f] = self.mac;
        format!("// nic {} {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}", self.name)
    }
}

/// `NAME` or `NAME=MAC`.
impl FromStr for Nic {
    type Err = String;

    fn from_str(text: &str) -> Result<Nic, String> {
        let (name, mac) = text.split_once('=').map_or((text, None), |(name, mac)| (name, Some(mac)));
        if name.is_empty()
            || name.len() > 15
            || name.contains(|c: char| c.is_whitespace() || c == '/' || c == ':')
        {
            return Err("a link's name has 1 to 15 characters and no blank, slash or colon in it".into());
        }
        let mac = match mac {
            None => DEFAULT_MAC,
            Some(mac) => parse_mac(mac).ok_or("write the address as six bytes, like 52:54:00:12:34:56")?,
        };
        Ok(Nic { name: name.into(), mac })
    }
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts.next()?;
        let plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
        *byte = u8::from_str_radix(part, 16).ok().filter(|_| plain)?;
    }
    parts.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms() {
        let nic = Nic { name: "ens3".into(), mac: DEFAULT_MAC };
        assert_eq!("ens3".parse(), Ok(nic.clone()));
        assert_eq!("ens3=52:54:0:12:34:56".parse(), Ok(nic.clone()));
        assert_eq!(Nic::from_line("ens3  52:54:00:12:34:56"), Some(nic.clone()));
        assert_eq!(nic.line(), "// nic ens3 52:54:00:12:34:56");
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "=1", "a b", "a/b", "sixteencharacter", "e=1", "e=1:2:3:4:5:6:7", "e=+1:2:3:4:5:6"] {
            assert!(text.parse::<Nic>().is_err(), "{text}");
        }
        assert_eq!(Nic::from_line("ens3"), None);
        assert_eq!(Nic::from_line("ens3 1:2:3:4:5:6 x"), None);
    }
}
