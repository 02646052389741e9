//! A machine with cables to the outside. From the first cable on its time is real: a command takes as long as its time
//! passes on the wall, and meanwhile frames come and go.
//!
//! The kernel itself still knows no clock; it is told what time it is before each frame that comes in.

use crate::console::Console;
use crate::machine::Machine;
use edge::cable::{Cable, wait};
use kernel::Instant;
use kernel::run::{PortId, PortKind};
use rtnl::errno::Errno;
use std::time::{Duration, Instant as Wall};

/// The longest time between two looks at the kernel's timers.
const LOOK: Duration = Duration::from_millis(20);
/// Frames that are taken from one cable before the others have their turn.
const TURN: usize = 256;

/// The cables, and when the machine's time became real.
pub(crate) struct Live {
    /// The time on the wall at which the kernel's was nought.
    nought: Wall,
    ends: Vec<(Cable, PortId)>,
}

impl Live {
    /// The kernel's time if it was the wall's.
    fn now(&self) -> Instant {
        Instant(u64::try_from(self.nought.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

impl<C: Console> Machine<C> {
    /// Plugs a cable into a NIC of the current namespace. From then on time is real.
    ///
    /// # Errors
    /// ENODEV if there is no such link, EBUSY if it has a cable.
    pub fn plug(&mut self, nic: &str, cable: Cable) -> Result<(), Errno> {
        let netns = self.here();
        let (mut kernel, now) = self.kernel();
        let index = kernel.ifindex(netns, nic).ok_or(Errno::ENODEV)?;
        let port = kernel.attach_port(netns, index, PortKind::Wire)?;
        drop(kernel);
        let begun = Wall::now().checked_sub(Duration::from_micros(now.0)).ok_or(Errno::EINVAL)?;
        self.live.get_or_insert(Live { nought: begun, ends: Vec::new() }).ends.push((cable, port));
        Ok(())
    }

    /// Lets real time pass until then, or until a frame has come if that is enough.
    pub(crate) fn live_until(&mut self, end: Instant, or_heard: bool) {
        let Some(mut live) = self.live.take() else { return };
        loop {
            let heard = self.exchange(&mut live);
            let now = live.now();
            if now >= end || (heard && or_heard) {
                break;
            }
            let next = self.kernel().0.next_timeout().map_or(end, |next| next.min(end));
            let left = Duration::from_micros(next.0.saturating_sub(now.0)).min(LOOK);
            let cables: Vec<&Cable> = live.ends.iter().map(|(cable, _)| cable).collect();
            if wait(&cables, left).is_err() {
                std::thread::sleep(left);
            }
        }
        self.live = Some(live);
    }

    /// Takes what came, lets what is due happen, and sends what is to leave. Says whether something came.
    fn exchange(&mut self, live: &mut Live) -> bool {
        let mut heard = false;
        self.set_time(live.now());
        for (cable, port) in &mut live.ends {
            for _ in 0..TURN {
                let Some(frame) = cable.receive() else { break };
                let (mut kernel, now) = self.kernel();
                // A port is gone only with its NIC, and then nobody is there to tell.
                let _ = kernel.input(now, *port, &[frame]);
                heard = true;
            }
        }
        let (mut kernel, _) = self.kernel();
        for (cable, port) in &mut live.ends {
            kernel.output(*port, &mut |frame| cable.send(frame));
        }
        heard
    }
}
