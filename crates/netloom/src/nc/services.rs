//! Names of ports, for `nc`: those that IANA gave out below 1024, as far as Debian's `/etc/services` has them.

/// Number, whether of TCP, whether of UDP, and name.
const PORTS: &[(u16, bool, bool, &str)] = &[
    (1, true, false, "tcpmux"),
    (7, true, true, "echo"),
    (9, true, true, "discard"),
    (11, true, false, "systat"),
    (13, true, true, "daytime"),
    (15, true, false, "netstat"),
    (17, true, false, "qotd"),
    (19, true, true, "chargen"),
    (20, true, false, "ftp-data"),
    (21, false, true, "fsp"),
    (21, true, false, "ftp"),
    (22, true, false, "ssh"),
    (23, true, false, "telnet"),
    (25, true, false, "smtp"),
    (37, true, true, "time"),
    (43, true, false, "whois"),
    (49, true, true, "tacacs"),
    (53, true, true, "domain"),
    (67, false, true, "bootps"),
    (68, false, true, "bootpc"),
    (69, false, true, "tftp"),
    (70, true, false, "gopher"),
    (79, true, false, "finger"),
    (80, true, false, "http"),
    (88, true, true, "kerberos"),
    (102, true, false, "iso-tsap"),
    (104, true, false, "acr-nema"),
    (106, true, false, "poppassd"),
    (110, true, false, "pop3"),
    (111, true, true, "sunrpc"),
    (113, true, false, "auth"),
    (119, true, false, "nntp"),
    (123, false, true, "ntp"),
    (135, true, false, "epmap"),
    (137, false, true, "netbios-ns"),
    (138, false, true, "netbios-dgm"),
    (139, true, false, "netbios-ssn"),
    (143, true, false, "imap2"),
    (161, true, true, "snmp"),
    (162, true, true, "snmp-trap"),
    (163, true, true, "cmip-man"),
    (164, true, true, "cmip-agent"),
    (174, true, false, "mailq"),
    (177, false, true, "xdmcp"),
    (179, true, false, "bgp"),
    (199, true, false, "smux"),
    (209, true, false, "qmtp"),
    (210, true, false, "z3950"),
    (213, false, true, "ipx"),
    (319, false, true, "ptp-event"),
    (320, false, true, "ptp-general"),
    (345, true, false, "pawserv"),
    (346, true, false, "zserv"),
    (369, true, true, "rpc2portmap"),
    (370, true, true, "codaauth2"),
    (371, false, true, "clearcase"),
    (389, true, true, "ldap"),
    (427, true, true, "svrloc"),
    (443, true, true, "https"),
    (444, true, false, "snpp"),
    (445, true, false, "microsoft-ds"),
    (464, true, true, "kpasswd"),
    (465, true, false, "submissions"),
    (487, true, false, "saft"),
    (500, false, true, "isakmp"),
    (512, false, true, "biff"),
    (512, true, false, "exec"),
    (513, true, false, "login"),
    (513, false, true, "who"),
    (514, true, false, "shell"),
    (514, false, true, "syslog"),
    (515, true, false, "printer"),
    (517, false, true, "talk"),
    (518, false, true, "ntalk"),
    (520, false, true, "route"),
    (538, true, true, "gdomap"),
    (540, true, false, "uucp"),
    (543, true, false, "klogin"),
    (544, true, false, "kshell"),
    (546, false, true, "dhcpv6-client"),
    (547, false, true, "dhcpv6-server"),
    (548, true, false, "afpovertcp"),
    (554, true, true, "rtsp"),
    (563, true, false, "nntps"),
    (587, true, false, "submission"),
    (607, true, false, "nqs"),
    (623, false, true, "asf-rmcp"),
    (628, true, false, "qmqp"),
    (631, true, false, "ipp"),
    (636, true, true, "ldaps"),
    (646, true, true, "ldp"),
    (655, true, true, "tinc"),
    (706, true, false, "silc"),
    (749, true, false, "kerberos-adm"),
    (750, true, true, "kerberos4"),
    (751, true, true, "kerberos-master"),
    (752, false, true, "passwd-server"),
    (754, true, false, "krb-prop"),
    (775, true, false, "moira-db"),
    (777, true, false, "moira-update"),
    (779, false, true, "moira-ureg"),
    (783, true, false, "spamd"),
    (853, true, true, "domain-s"),
    (871, true, false, "supfilesrv"),
    (873, true, false, "rsync"),
    (989, true, false, "ftps-data"),
    (990, true, false, "ftps"),
    (992, true, false, "telnets"),
    (993, true, false, "imaps"),
    (995, true, false, "pop3s"),
];

/// The name of a port; none if it has none.
pub(super) fn name_of(port: u16, udp: bool) -> Option<&'static str> {
    PORTS.iter().find(|row| row.0 == port && if udp { row.2 } else { row.1 }).map(|row| row.3)
}

/// The port that has this name.
pub(super) fn port_of(name: &str) -> Option<u16> {
    PORTS.iter().find(|row| row.3 == name).map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_names() {
        assert_eq!(
            (name_of(80, false), name_of(53, true), name_of(5000, false)),
            (Some("http"), Some("domain"), None)
        );
        assert_eq!((port_of("ssh"), port_of("nothing")), (Some(22), None));
        assert!(PORTS.is_sorted_by_key(|row| row.0));
    }
}
