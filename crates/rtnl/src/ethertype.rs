//! Names of Ethernet protocols as `ip` knows them (iproute2's `ll_proto`): what stands behind `protocol` of a vlan and
//! `vlan_protocol` of a bridge. Some numbers are not EtherTypes but the kernel's own, below 0x0600.

use crate::words::number;

/// IEEE 802.1Q, the customer's tag.
pub const ETH_P_8021Q: u16 = 0x8100;
/// IEEE 802.1ad, the provider's tag.
pub const ETH_P_8021AD: u16 = 0x88a8;

/// Names by number. A number's first name is the one that is shown.
const NAMES: &[(u16, &str)] = &[
    (0x0060, "loop"),
    (0x0200, "pup"),
    (0x0201, "pupat"),
    (0x0800, "ip"),
    (0x0805, "x25"),
    (0x0806, "arp"),
    (0x08ff, "bpq"),
    (0x0a00, "ieeepup"),
    (0x0a01, "ieeepupat"),
    (0x6000, "dec"),
    (0x6001, "dna_dl"),
    (0x6002, "dna_rc"),
    (0x6003, "dna_rt"),
    (0x6004, "lat"),
    (0x6005, "diag"),
    (0x6006, "cust"),
    (0x6007, "sca"),
    (0x8035, "rarp"),
    (0x809b, "atalk"),
    (0x80f3, "aarp"),
    (0x8137, "ipx"),
    (0x86dd, "ipv6"),
    (0x8863, "ppp_disc"),
    (0x8864, "ppp_ses"),
    (0x884c, "atmmpoa"),
    (0x8884, "atmfate"),
    (0x0001, "802_3"),
    (0x0002, "ax25"),
    (0x0003, "all"),
    (0x0004, "802_2"),
    (0x0005, "snap"),
    (0x0006, "ddcmp"),
    (0x0007, "wan_ppp"),
    (0x0008, "ppp_mp"),
    (0x0009, "localtalk"),
    (0x000c, "can"),
    (0x0010, "ppptalk"),
    (0x0011, "tr_802_2"),
    (0x0015, "mobitex"),
    (0x0016, "control"),
    (0x0017, "irda"),
    (0x0018, "econet"),
    (0x88ca, "tipc"),
    (0x8892, "profinet"),
    (0x88a2, "aoe"),
    (0x88a4, "ethercat"),
    (0x8100, "802.1Q"),
    (0x88a8, "802.1ad"),
    (0x8847, "mpls_uc"),
    (0x8848, "mpls_mc"),
    (0x6558, "teb"),
    (0x88cc, "LLDP"),
    (0x0800, "ipv4"),
];

/// The name of a protocol; the number in brackets if it has none, or if numbers are wanted (`-N`).
pub fn name(protocol: u16, numeric: bool) -> std::borrow::Cow<'static, str> {
    match NAMES.iter().find(|(number, _)| *number == protocol && !numeric) {
        Some((_, name)) => (*name).into(),
        None => format!("[{protocol}]").into(),
    }
}

/// The protocol of a name, in whatever case, or of a number.
pub fn parse(text: &str) -> Option<u16> {
    let named = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
    named.map(|(number, _)| *number).or_else(|| number(text, 0, u64::from(u16::MAX)).map(|n| n as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(parse("802.1AD"), Some(ETH_P_8021AD));
        assert_eq!(parse("ipv4"), parse("ip"));
        assert_eq!(parse("0x9100"), Some(0x9100));
        assert_eq!(parse("802.1x"), None);
        assert_eq!(parse(""), None);
        assert_eq!(name(ETH_P_8021Q, false), "802.1Q");
        assert_eq!(name(0x0800, false), "ip");
        assert_eq!(name(ETH_P_8021Q, true), "[33024]");
        assert_eq!(name(13330, false), "[13330]");
    }
}
