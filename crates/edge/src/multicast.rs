//! The multicast addresses that links listen to. Linux tells them in files of `/proc` and sets them by an `ioctl`; there
//! is no netlink for either.

use crate::netlink::errno;
use crate::system::read_file;
use nix::errno::Errno as Os;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use rtnl::errno::Errno;
use std::os::fd::AsRawFd;

/// A multicast address that a link listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The link's index.
    pub ifindex: u32,
    /// The link's name.
    pub link: String,
    /// The address.
    pub address: Vec<u8>,
    /// How many want it.
    pub users: u32,
    /// An administrator set it.
    pub fixed: bool,
}

/// The addresses of the link layer in the namespace of the calling thread.
///
/// # Errors
/// What the system says.
pub fn link_layer() -> Result<Vec<Membership>, Errno> {
    let text = read("dev_mcast")?;
    Ok(text.lines().filter_map(link_layer_line).collect())
}

/// `INDEX NAME USERS FIXED ADDRESS`.
fn link_layer_line(line: &str) -> Option<Membership> {
    let mut parts = line.split_whitespace();
    let (ifindex, link) = (parts.next()?.parse().ok()?, parts.next()?.to_string());
    let users = parts.next()?.parse().ok()?;
    let fixed = parts.next()?.parse::<u32>().ok()? != 0;
    Some(Membership { ifindex, link, address: bytes(parts.next()?)?, users, fixed })
}

/// The addresses of IPv4.
///
/// # Errors
/// What the system says.
pub fn inet() -> Result<Vec<Membership>, Errno> {
    let text = read("igmp")?;
    let mut link = None;
    let mut all = Vec::new();
    for line in text.lines().skip(1) {
        let mut parts = line.split_whitespace();
        if !line.starts_with('\t') {
            // `INDEX NAME : …`; a long name has the colon right behind it.
            let index = parts.next().and_then(|index| index.parse().ok());
            let name = parts.next().map(|name| name.trim_end_matches(':').to_string());
            link = index.zip(name);
            continue;
        }
        let number = parts.next().and_then(|address| u32::from_str_radix(address, 16).ok());
        let users = parts.next().and_then(|users| users.parse().ok());
        if let (Some((ifindex, link)), Some((number, users))) = (link.clone(), number.zip(users)) {
            let address = number.to_ne_bytes().to_vec();
            all.push(Membership { ifindex, link, address, users, fixed: false });
        }
    }
    Ok(all)
}

/// The addresses of IPv6.
///
/// # Errors
/// What the system says.
pub fn inet6() -> Result<Vec<Membership>, Errno> {
    let text = read("igmp6")?;
    Ok(text.lines().filter_map(inet6_line).collect())
}

/// `INDEX NAME ADDRESS USERS …`.
fn inet6_line(line: &str) -> Option<Membership> {
    let mut parts = line.split_whitespace();
    let (ifindex, link) = (parts.next()?.parse().ok()?, parts.next()?.to_string());
    let address = bytes(parts.next()?)?;
    Some(Membership { ifindex, link, address, users: parts.next()?.parse().ok()?, fixed: false })
}

/// Reads a file of the calling thread's namespace, which need not be the process's.
fn read(name: &str) -> Result<String, Errno> {
    let bytes = read_file(&format!("/proc/thread-self/net/{name}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Two hexadecimal digits a byte.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Has a link listen to an address of the link layer, or no longer.
///
/// # Errors
/// What the system says.
pub fn set(link: &str, address: [u8; 6], join: bool) -> Result<(), Errno> {
    let kind = SockType::Datagram;
    let fd = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None).map_err(errno)?;
    // Safety: all zeroes is a request of no name and no address.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    let room = request.ifr_name.len() - 1;
    if link.len() > room {
        return Err(Errno::ENODEV);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(link.bytes()) {
        *to = from as libc::c_char;
    }
    let mut sockaddr = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
    for (to, from) in sockaddr.sa_data.iter_mut().zip(address) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_hwaddr = sockaddr;
    let command = if join { libc::SIOCADDMULTI } else { libc::SIOCDELMULTI };
    // Safety: the request is whole and lives through the call, which only reads it.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), command as _, &raw mut request) };
    Os::result(result).map(drop).map_err(errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let line = "2    d0              1     1     020000000005";
        let one = link_layer_line(line).unwrap();
        assert_eq!((one.ifindex, one.link.as_str(), one.users, one.fixed), (2, "d0", 1, true));
        assert_eq!(one.address, [2, 0, 0, 0, 0, 5]);
        let line = "1    lo              ff020000000000000000000000000001     1 0000000C 0";
        assert_eq!(inet6_line(line).unwrap().address[..2], [0xff, 2]);
        assert_eq!(inet6_line("1 lo"), None);
        assert_eq!(bytes("f"), None);
    }
}
