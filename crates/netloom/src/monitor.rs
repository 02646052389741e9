//! `ip … monitor … &`, and the same of `bridge`: a command that goes on while later ones run.
//!
//! The command is written as one that waits, so it gets a thread; but never do two things run at once. What it asks
//! of its host is carried out by the machine's own thread, which stands still until the command waits again, and it
//! waits until the machine calls it on behind each later command. So the order of everything is fixed, and the
//! machine need not be shared. What a monitor did not read yet is held by the kernel, which bounds it.

use crate::console::Console;
use crate::machine::{DEPTH_MAX, Machine, Place};
use crate::programs::{Tool, tool};
use iproute::host::{Entered, Host};
use rtnl::client::Channel;
use rtnl::errno::Errno;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// How many monitors may run at once.
const MONITORS_MAX: usize = 64;
/// The stack of a monitor's thread, as large as a program's first one.
const STACK: usize = 8 << 20;

/// Something to do in the machine's thread.
type Deed = Box<dyn FnOnce(&mut Served<'_>) + Send>;

/// What a deed works on.
struct Served<'a> {
    host: &'a mut dyn Host,
    sockets: &'a mut Vec<Option<Box<dyn Channel>>>,
}

enum Ask {
    Do(Deed),
    Wait,
}

/// A monitor in the background.
pub(crate) struct Monitor {
    /// Where it is.
    pub(crate) place: Place,
    asks: Receiver<Ask>,
    go_on: SyncSender<bool>,
    sockets: Vec<Option<Box<dyn Channel>>>,
    thread: Option<JoinHandle<i32>>,
}

impl<C: Console> Machine<C> {
    /// Starts a program with these words (without its name) in the background. Says whether it could be started.
    pub(crate) fn start_monitor(&mut self, tool: Tool, words: Vec<String>) -> bool {
        if self.monitors.len() >= MONITORS_MAX {
            return false;
        }
        let (ask, asks) = sync_channel(0);
        let (go_on, told) = sync_channel(0);
        let work = move || tool(&mut Remote { ask, told, depth: 0 }, &words);
        let Ok(thread) = std::thread::Builder::new().name("monitor".into()).stack_size(STACK).spawn(work)
        else {
            return false;
        };
        let place = self.stay();
        let mut monitor = Monitor { place, asks, go_on, sockets: Vec::new(), thread: Some(thread) };
        if self.serve(&mut monitor) {
            self.monitors.push(monitor);
        }
        true
    }

    /// Calls every monitor on until it waits again.
    pub(crate) fn call_monitors(&mut self) {
        if self.monitors.is_empty() {
            return;
        }
        let mut monitors = std::mem::take(&mut self.monitors);
        monitors.retain_mut(|monitor| monitor.go_on.send(true).is_ok() && self.serve(monitor));
        self.monitors = monitors;
    }

    /// Ends every monitor.
    pub fn end_monitors(&mut self) {
        for mut monitor in std::mem::take(&mut self.monitors) {
            if monitor.go_on.send(false).is_ok() {
                self.serve(&mut monitor);
            }
        }
    }

    /// Does what a monitor asks until it waits (true) or has ended (false).
    fn serve(&mut self, monitor: &mut Monitor) -> bool {
        std::mem::swap(&mut self.place, &mut monitor.place);
        let waits = loop {
            match monitor.asks.recv() {
                Ok(Ask::Do(deed)) => deed(&mut Served { host: self, sockets: &mut monitor.sockets }),
                Ok(Ask::Wait) => break true,
                Err(_) => break false,
            }
        };
        std::mem::swap(&mut self.place, &mut monitor.place);
        if !waits {
            monitor.sockets.clear();
            let place = monitor.place.clone();
            self.depart(&place);
            // How it ended is of no interest: nobody asks for the status of a command in the background.
            let _ = monitor.thread.take().map(JoinHandle::join);
        }
        waits
    }
}

/// The host of a monitor: every call is carried over to the machine.
struct Remote {
    ask: SyncSender<Ask>,
    told: Receiver<bool>,
    depth: usize,
}

impl Remote {
    fn execute_tool(&mut self, tool: Tool, words: &[String]) -> Result<i32, Errno> {
        if self.depth >= DEPTH_MAX {
            return Err(Errno::ELOOP);
        }
        self.depth += 1;
        let status = tool(self, words);
        self.depth -= 1;
        Ok(status)
    }
}

/// Carries a deed over and brings its result back; none if the machine is gone.
fn carry<T: Send + 'static>(
    ask: &SyncSender<Ask>,
    deed: impl FnOnce(&mut Served<'_>) -> T + Send + 'static,
) -> Option<T> {
    let (give, take) = sync_channel(1);
    let deed: Deed = Box::new(move |served| {
        // The asker waits for it; it is gone only if its thread is.
        let _ = give.send(deed(served));
    });
    ask.send(Ask::Do(deed)).ok()?;
    take.recv().ok()
}

/// The same for deeds that may fail: a machine that is gone is an input/output error.
fn carry_try<T: Send + 'static>(
    ask: &SyncSender<Ask>,
    deed: impl FnOnce(&mut Served<'_>) -> Result<T, Errno> + Send + 'static,
) -> Result<T, Errno> {
    carry(ask, deed).unwrap_or(Err(Errno::EIO))
}

impl Host for Remote {
    fn channel(&mut self) -> Result<Box<dyn Channel>, Errno> {
        let number = carry_try(&self.ask, |served| {
            let socket = served.host.channel()?;
            served.sockets.push(Some(socket));
            Ok(served.sockets.len() - 1)
        })?;
        Ok(Box::new(RemoteSocket { ask: self.ask.clone(), number, sender: None }))
    }

    fn netns_names(&mut self) -> Result<Vec<String>, Errno> {
        carry_try(&self.ask, |served| served.host.netns_names())
    }

    fn netns_add(&mut self, name: &str) -> Result<(), Errno> {
        let name = name.to_string();
        carry_try(&self.ask, move |served| served.host.netns_add(&name))
    }

    fn netns_attach(&mut self, name: &str, pid: u32) -> Result<(), Errno> {
        let name = name.to_string();
        carry_try(&self.ask, move |served| served.host.netns_attach(&name, pid))
    }

    fn netns_delete(&mut self, name: &str) -> Result<(), Errno> {
        let name = name.to_string();
        carry_try(&self.ask, move |served| served.host.netns_delete(&name))
    }

    fn netns_open(&mut self, name: &str) -> Result<u32, Errno> {
        let name = name.to_string();
        carry_try(&self.ask, move |served| served.host.netns_open(&name))
    }

    fn netns_close(&mut self, fd: u32) {
        carry(&self.ask, move |served| served.host.netns_close(fd));
    }

    fn netns_enter(&mut self, name: &str) -> Result<Entered, Errno> {
        let name = name.to_string();
        carry_try(&self.ask, move |served| served.host.netns_enter(&name))
    }

    fn netns_leave(&mut self, entered: Entered) {
        carry(&self.ask, move |served| served.host.netns_leave(entered));
    }

    fn netns_identify(&mut self, pid: Option<u32>) -> Result<Vec<String>, Errno> {
        carry_try(&self.ask, move |served| served.host.netns_identify(pid))
    }

    fn netns_pids(&mut self, name: &str) -> Result<Vec<u32>, Errno> {
        let name = name.to_string();
        carry_try(&self.ask, move |served| served.host.netns_pids(&name))
    }

    fn execute(&mut self, words: &[String]) -> Result<i32, Errno> {
        if let Some(tool) = words.first().and_then(|program| tool(program)) {
            // `ip netns exec NAME ip monitor`: what waits must wait here.
            return self.execute_tool(tool, &words[1..]);
        }
        let words = words.to_vec();
        carry_try(&self.ask, move |served| served.host.execute(&words))
    }

    fn read_file(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        let path = path.to_string();
        carry_try(&self.ask, move |served| served.host.read_file(&path))
    }

    fn find_file(&mut self, path: &str) -> Result<(), Errno> {
        let path = path.to_string();
        carry_try(&self.ask, move |served| served.host.find_file(&path))
    }

    fn time_of_day(&mut self) -> u64 {
        carry(&self.ask, |served| served.host.time_of_day()).unwrap_or(0)
    }

    fn wait(&mut self) -> bool {
        self.ask.send(Ask::Wait).is_ok() && self.told.recv().unwrap_or(false)
    }

    fn out(&mut self, text: &str) {
        let text = text.to_string();
        carry(&self.ask, move |served| served.host.out(&text));
    }

    fn err(&mut self, text: &str) {
        let text = text.to_string();
        carry(&self.ask, move |served| served.host.err(&text));
    }
}

/// A channel of a monitor; the socket itself stays in the machine's thread.
struct RemoteSocket {
    ask: SyncSender<Ask>,
    number: usize,
    /// Where the last datagram came from.
    sender: Option<i32>,
}

impl RemoteSocket {
    fn on<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut dyn Channel) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let number = self.number;
        carry_try(&self.ask, move |served| {
            let socket = served.sockets.get_mut(number).and_then(Option::as_mut).ok_or(Errno::EBADF)?;
            deed(&mut **socket)
        })
    }

    /// Puts what a way to receive gives into `datagram`.
    fn take(
        &mut self,
        datagram: &mut Vec<u8>,
        receive: fn(&mut dyn Channel, &mut Vec<u8>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        (*datagram, self.sender) = self.on(move |socket| {
            let mut bytes = Vec::new();
            receive(socket, &mut bytes).map(|()| (bytes, socket.sender()))
        })?;
        Ok(())
    }
}

impl Channel for RemoteSocket {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let datagram = datagram.to_vec();
        self.on(move |socket| socket.send(&datagram))
    }

    fn receive(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        self.take(datagram, |socket, bytes| socket.receive(bytes))
    }

    fn receive_now(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        self.take(datagram, |socket, bytes| socket.receive_now(bytes))
    }

    fn join(&mut self, group: u32) -> Result<(), Errno> {
        self.on(move |socket| socket.join(group))
    }

    fn listen_all(&mut self) -> Result<(), Errno> {
        self.on(|socket| socket.listen_all())
    }

    fn sender(&self) -> Option<i32> {
        self.sender
    }
}

impl Drop for RemoteSocket {
    fn drop(&mut self) {
        let number = self.number;
        carry(&self.ask, move |served| {
            if let Some(socket) = served.sockets.get_mut(number) {
                *socket = None;
            }
        });
    }
}
