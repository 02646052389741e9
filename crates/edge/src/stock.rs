//! Network namespaces that are made before they are asked for, by a thread of their own.
//!
//! Most of the time that `ip netns add` takes goes into the new namespace, and Linux can make one while it changes
//! links in another. A namespace without a name has no effect on anybody: what is left over ends with the stock.
//!
//! Making a namespace takes a little less than half of what it costs to make it, name it and make a pair of veth in it;
//! links of all namespaces are made under one lock. One thread is therefore as good as several.
//!
//! Limits: at most [`ROOM`] namespaces wait, and never more are made than were asked for. If one cannot be made the
//! thread ends, and who wants one makes it himself and is told why that fails.

use crate::netlink::errno;
use crate::netns::{current, enter, isolate};
use rtnl::errno::Errno;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// The most namespaces that wait.
const ROOM: usize = 4;
/// Bytes of the thread's stack.
const STACK: usize = 64 << 10;

/// Namespaces in the making.
#[derive(Debug)]
pub struct Stock(Receiver<OwnedFd>);

impl Stock {
    /// Begins to make so many namespaces, each as if the calling thread made it where it is now.
    ///
    /// # Errors
    /// What the system says if there is no thread to be had, or the namespace of the caller cannot be opened.
    pub fn begin(count: usize) -> Result<Stock, Errno> {
        let home = current()?;
        let (give, take) = sync_channel(ROOM);
        let make = move || {
            for _ in 0..count {
                // What a new namespace begins with may come from the one that its maker is in.
                let made = enter(&home).and_then(|()| isolate()).and_then(|()| current());
                let Ok(made) = made else { return };
                if give.send(made).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().stack_size(STACK).spawn(make);
        thread.map(|_| Stock(take)).map_err(|error| error.raw_os_error().map_or(Errno::EAGAIN, of_system))
    }

    /// The next namespace, waiting for it; none if there are no more.
    pub fn take(&self) -> Option<OwnedFd> {
        self.0.recv().ok()
    }
}

fn of_system(number: i32) -> Errno {
    errno(nix::errno::Errno::from_raw(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system;
    use std::os::fd::AsRawFd;

    #[test]
    fn so_many_are_made_and_each_is_another() {
        let here = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let stock = Stock::begin(6).unwrap();
        let all: Vec<OwnedFd> = std::iter::from_fn(|| stock.take()).collect();
        if all.is_empty() {
            return system::write_err("skipped: no right to make namespaces here\n");
        }
        let link = |fd: &OwnedFd| std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap();
        let mut links: Vec<_> = all.iter().map(link).chain([here.clone()]).collect();
        links.sort();
        links.dedup();
        assert_eq!((all.len(), links.len()), (6, 7));
        assert_eq!(std::fs::read_link("/proc/thread-self/ns/net").unwrap(), here, "the caller stays");
    }
}
