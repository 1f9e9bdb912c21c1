//! A socket for each flow, opened when the flow is first used: a trace needs one, the discovery
//! of all paths may need thousands, and only those that have something to say are read.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{Timespec, epoll};

use super::BATCH;
use crate::packet::identity::FlowPort;
use crate::packet::shape::Shape;

/// The sockets of the flows, by port.
pub(crate) struct Flows<S> {
    ready: OwnedFd,
    sockets: BTreeMap<FlowPort, S>,
}

impl<S: AsFd> Flows<S> {
    /// Opens those that the shape wants at once, by `open`.
    pub(crate) fn new(
        shape: &Shape,
        mut open: impl FnMut(FlowPort) -> io::Result<S>,
    ) -> io::Result<Self> {
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut flows = Self { ready, sockets: BTreeMap::new() };
        for flow in 0..shape.at_once {
            flows.socket(shape.flow_base.wrapping_add(flow), &mut open)?;
        }
        Ok(flows)
    }

    /// The socket of a flow, which `open` opens where it is not.
    pub(crate) fn socket(
        &mut self,
        port: FlowPort,
        open: impl FnOnce(FlowPort) -> io::Result<S>,
    ) -> io::Result<&mut S> {
        use std::collections::btree_map::Entry;
        match self.sockets.entry(port) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => {
                let socket = open(port)?;
                let data = epoll::EventData::new_u64(u64::from(port));
                let events = epoll::EventFlags::IN | epoll::EventFlags::ERR;
                epoll::add(&self.ready, &socket, data, events)?;
                Ok(vacant.insert(socket))
            }
        }
    }

    /// Becomes readable when one of them does.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// Some of those that have something to say.
    pub(crate) fn ready(&self) -> io::Result<impl Iterator<Item = (FlowPort, &S)>> {
        let mut events = Vec::with_capacity(BATCH);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.ready, rustix::buffer::spare_capacity(&mut events), Some(&at_once))
        {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(events.into_iter().filter_map(|event| {
            let port = event.data.u64() as FlowPort;
            Some((port, self.sockets.get(&port)?))
        }))
    }
}

/// Lets this process open as many sockets as the system allows it.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, fewer flows can be used.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
