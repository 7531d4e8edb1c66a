//! Several controllers as one: who is alive, and which of them is master of which switch.
//!
//! ```text
//!  PREFIX/alive/ID        goes with a lease of seconds, kept alive   ──► who is alive ──► assign() ──► Duties
//!  PREFIX/controllers/ID  goes with a lease of minutes: addresses         (etcd's revision: the fencing token)
//! ```
//!
//! A master is told by its generation, which grows with etcd's revision: that of when it found that the switch is its own. Switches refuse a
//! claim that is older than one they have seen, and every write of who is not master. A controller whose lease may have
//! ended stops by itself; if it does not, because it sleeps, its switches refuse it all the same.

mod announce;
mod assign;
mod duties;
pub mod peers;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use api::Name;
use tokio::sync::watch;

pub use announce::join;
pub use assign::assign;
pub use duties::{Duties, Known, Member};

/// This controller among the others.
#[derive(Clone)]
pub struct Cluster {
    /// The generation, for a controller that shares its store with nobody.
    alone: Option<u64>,
    me: Arc<str>,
    duties: watch::Receiver<Arc<Duties>>,
}

impl Cluster {
    /// The only controller: master of every switch, by this generation.
    pub fn alone(generation: u64) -> Self {
        // Nothing changes any more: the sender need not live.
        let (_, duties) = watch::channel(Arc::new(Duties::default()));
        Self { alone: Some(generation), me: "".into(), duties }
    }

    fn shared(me: &str, duties: watch::Receiver<Arc<Duties>>) -> Self {
        Self { alone: None, me: me.into(), duties }
    }

    /// Whether there are, or may be, other controllers.
    pub fn is_shared(&self) -> bool {
        self.alone.is_none()
    }

    /// This controller's name; empty if it is the only one.
    pub fn me(&self) -> &str {
        &self.me
    }

    /// Whose switches are whose now.
    pub fn duties(&self) -> Arc<Duties> {
        self.duties.borrow().clone()
    }

    /// The generation by which this controller is to be master of a node's switch; none if it is not to be.
    pub fn generation(&self, node: &Name) -> Option<u64> {
        self.alone.or_else(|| self.duties.borrow().mine.get(node).copied())
    }

    /// Whether this controller may hold on to switches that another one is to take over.
    pub fn holds(&self) -> bool {
        self.alone.is_some() || self.duties.borrow().holds
    }

    /// Whether what one controller is enough for is this one's to do: it is the first of those that are alive.
    pub fn leads(&self) -> bool {
        let duties = self.duties.borrow();
        let first = duties.members.iter().find(|(_, known)| known.alive).map(|(id, _)| id.as_str());
        self.alone.is_some() || (duties.holds && first == Some(self.me()))
    }

    /// Where switches find controllers. A controller that is the only one is where the host found it.
    pub fn targets(&self, found: SocketAddr) -> BTreeSet<SocketAddr> {
        if self.alone.is_some() {
            return BTreeSet::from([found]);
        }
        self.duties.borrow().members.values().map(|known| known.member.openflow).collect()
    }

    /// Returns when duties have changed since the last call; never, if it is the only controller.
    pub async fn changed(&mut self) {
        if self.duties.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
