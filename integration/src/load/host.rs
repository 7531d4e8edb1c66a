//! A simulated host: its database calls the controller, and its bridge calls whom the database names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::Name;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::database::{self, Bridge, Database, Schema};
use super::link::{self, Manner, Shared};
use super::switch::{self, Switch};

/// The key among `external_ids` of table Open_vSwitch by which an agent names its node.
const NODE: &str = "sdn-node";

/// A bridge that exists, and its connections by target.
struct Running {
    switch: Arc<Shared<Switch>>,
    links: BTreeMap<String, AbortHandle>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.links.values().for_each(AbortHandle::abort);
    }
}

/// A simulated host.
pub struct Host {
    name: Name,
    number: u32,
    manner: Manner,
    database: Arc<Shared<Database>>,
    bridges: Mutex<BTreeMap<String, Running>>,
}

impl Host {
    /// Host number `number`, whose switch behaves in this manner.
    pub fn new(name: Name, number: u32, manner: Manner, schema: Arc<Schema>) -> Self {
        let ids = [(NODE, name.as_str()), ("system-id", name.as_str())];
        let database = Database::new(schema, u64::from(number) + 1, &ids);
        Self { name, number, manner, database: Arc::new(Shared::new(database)), bridges: Mutex::default() }
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Whether its switch behaves as it should.
    pub fn is_healthy(&self) -> bool {
        self.manner == Manner::Good
    }

    /// Flows and groups of its bridges.
    pub fn size(&self) -> (usize, usize) {
        let bridges = self.bridges();
        let sizes = bridges.values().map(|running| {
            let switch = running.switch.lock();
            (switch.flows(), switch.groups())
        });
        sizes.fold((0, 0), |(flows, groups), (f, g)| (flows + f, groups + g))
    }

    /// What passed between its switches and controllers.
    pub fn switch_counts(&self) -> switch::Counts {
        let mut sum = switch::Counts::default();
        self.bridges().values().for_each(|running| sum += running.switch.lock().counts());
        sum
    }

    /// What passed between its database and its clients.
    pub fn database_counts(&self) -> database::Counts {
        self.database.lock().counts()
    }

    /// Works until nobody can say `online` any more. While online, its database is connected to `manager` and its
    /// bridges to their controllers.
    pub async fn run(self: Arc<Self>, manager: SocketAddr, online: watch::Receiver<bool>) {
        let database = self.database.clone();
        tokio::select! {
            () = link::keep(manager, &database, Manner::Good, online.clone(), |_| {}) => {}
            () = self.follow(online) => {}
        }
        self.bridges().clear();
    }

    /// Makes bridges and connections as the database asks for.
    async fn follow(&self, online: watch::Receiver<bool>) {
        let mut commits = 0;
        loop {
            let changed = self.database.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = self.database.lock().counts().commits;
            if now != commits {
                commits = now;
                let wanted = self.database.lock().bridges();
                self.reconcile(&wanted, &online);
            }
            changed.await;
        }
    }

    fn reconcile(&self, wanted: &[Bridge], online: &watch::Receiver<bool>) {
        let mut bridges = self.bridges();
        bridges.retain(|name, _| wanted.iter().any(|bridge| bridge.name == *name));
        for bridge in wanted {
            let id = bridge.datapath_id.unwrap_or(0xaa00_0000 | u64::from(self.number));
            let running = bridges.entry(bridge.name.clone()).or_insert_with(|| self.start(id));
            if running.switch.lock().datapath_id() != id {
                *running = self.start(id);
            }
            running.switch.lock().set_ports(&bridge.ports);
            running.switch.changed.notify_waiters();
            running.links.retain(|target, link| {
                let stays = bridge.controllers.contains(target);
                if !stays {
                    link.abort();
                }
                stays
            });
            for target in &bridge.controllers {
                if !running.links.contains_key(target)
                    && let Some(link) = self.connect(target, &running.switch, online)
                {
                    running.links.insert(target.clone(), link);
                }
            }
        }
    }

    fn start(&self, datapath_id: u64) -> Running {
        Running { switch: Arc::new(Shared::new(Switch::new(datapath_id))), links: BTreeMap::new() }
    }

    fn connect(
        &self,
        target: &str,
        switch: &Arc<Shared<Switch>>,
        online: &watch::Receiver<bool>,
    ) -> Option<AbortHandle> {
        let to: SocketAddr = target.strip_prefix("tcp:")?.parse().ok()?;
        let (switch, online, manner) = (switch.clone(), online.clone(), self.manner);
        let (database, target) = (self.database.clone(), target.to_owned());
        let link = tokio::spawn(async move {
            let up = |up| {
                database.lock().set_connected(&target, up);
                database.changed.notify_waiters();
            };
            link::keep(to, &switch, manner, online, up).await;
        });
        Some(link.abort_handle())
    }

    fn bridges(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.bridges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
