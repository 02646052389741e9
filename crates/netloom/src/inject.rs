//! A frame that a script puts into a link, as somebody with a packet socket would: `// inject NETNS DEVICE HEX`.
//!
//! It leaves through the link, so a script that means to say something to a host puts it into the far end of the host's
//! cable. `-` is the namespace that the script is in.

use crate::console::Console;
use crate::frame_case::from_hex;
use crate::machine::Machine;
use kernel::run::PortKind;
use rtnl::errno::Errno;

/// Where a frame is put in, and the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inject {
    /// The name of the namespace; empty: the present one.
    pub netns: String,
    /// The link.
    pub device: String,
    /// From the Ethernet header on.
    pub frame: Vec<u8>,
}

impl Inject {
    /// Reads `NETNS DEVICE HEX`.
    pub fn from_line(words: &str) -> Option<Inject> {
        let mut words = words.split_ascii_whitespace();
        let (netns, device, frame) = (words.next()?, words.next()?, from_hex(words.next()?)?);
        let netns = if netns == "-" { String::new() } else { netns.into() };
        words.next().is_none().then(|| Inject { netns, device: device.into(), frame })
    }

    /// The line that stands for it in a transcript.
    pub fn line(&self) -> String {
        let netns = if self.netns.is_empty() { "-" } else { &self.netns };
        let hex: String = self.frame.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("// inject {netns} {} {hex}", self.device)
    }
}

impl<C: Console> Machine<C> {
    /// Puts a frame in.
    ///
    /// # Errors
    /// ENOENT if there is no such namespace, ENODEV if there is no such link, EBUSY if somebody else does so there.
    pub fn inject(&mut self, inject: &Inject) -> Result<(), Errno> {
        let netns = self.netns_named(&inject.netns).ok_or(Errno::ENOENT)?;
        let (mut kernel, now) = self.kernel();
        let index = kernel.ifindex(netns, &inject.device).ok_or(Errno::ENODEV)?;
        let port = kernel.attach_port(netns, index, PortKind::Socket)?;
        let put = kernel.input(now, port, &[&inject.frame]);
        kernel.detach_port(port);
        drop(kernel);
        self.pass(self.pace);
        put.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let inject = Inject::from_line("r e0 0011ff").unwrap();
        assert_eq!(
            (inject.line().as_str(), &inject.frame[..]),
            ("// inject r e0 0011ff", &[0, 0x11, 0xff][..])
        );
        assert_eq!(
            Inject::from_line("- e0 00").map(|inject| inject.line()),
            Some("// inject - e0 00".into())
        );
        for line in ["", "r e0", "r e0 0", "r e0 xy", "r e0 00 11"] {
            assert_eq!(Inject::from_line(line), None, "{line}");
        }
    }
}
