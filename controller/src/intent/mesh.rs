//! How the mesh is laid out, where that was chosen while it was live.

use std::sync::Arc;

use api::{Invalid, Kind, MeshPair, MeshSpec, Name, Way};
use serde::{Deserialize, Serialize};

use super::{
    Refused, Value,
    change::{Draft, Effect},
};

/// How many pairs may have a way of their own: they are one value of the store.
const MAX_PAIRS: usize = 1000;

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenMesh {
    /// What it is to be; none as long as only pairs were chosen.
    pub spec: Option<MeshSpec>,
    /// The pairs that have a way of their own, in order.
    #[serde(default)]
    pub pairs: Vec<MeshPair>,
    /// The revision of the choice.
    pub revision: u64,
}

impl ChosenMesh {
    /// The way that was chosen for two nodes, whichever is named first.
    pub fn way(&self, one: &Name, other: &Name) -> Option<Way> {
        let at = self.find(&between(one, other)).ok()?;
        self.pairs.get(at).map(|pair| pair.way)
    }

    /// The choices that a node has part in.
    pub fn pairs_of(&self, node: &Name) -> impl Iterator<Item = &MeshPair> {
        self.pairs.iter().filter(move |pair| pair.between.contains(node))
    }

    fn find(&self, between: &[Name; 2]) -> Result<usize, usize> {
        self.pairs.binary_search_by(|pair| pair.between.cmp(between))
    }
}

fn between(one: &Name, other: &Name) -> [Name; 2] {
    let mut between = [one.clone(), other.clone()];
    between.sort_unstable();
    between
}

impl Draft<'_> {
    pub(super) fn put_mesh(&mut self, spec: MeshSpec) -> Effect {
        self.change_mesh(|mesh| mesh.spec = Some(spec))
    }

    /// Two nodes use this way from now on, or none of their own.
    pub(super) fn put_pair(&mut self, [one, other]: &[Name; 2], way: Option<Way>) -> Result<Effect, Refused> {
        let missing = [one, other].into_iter().find(|name| !self.intent.nodes.contains_key(*name));
        if let Some(missing) = missing {
            return Err(Refused::NotFound(Kind::Node, missing.clone()));
        }
        if one == other {
            return Err(Invalid::new("pair", format!("{one} uses no port to itself")).into());
        }
        let count = self.intent.mesh.as_ref().map_or(0, |mesh| mesh.pairs.len());
        let new = way.is_some() && self.intent.mesh.as_ref().is_none_or(|mesh| mesh.way(one, other).is_none());
        if new && count >= MAX_PAIRS {
            return Err(Refused::Exhausted(format!("{MAX_PAIRS} pairs have a way of their own already")));
        }
        let between = between(one, other);
        Ok(self.change_mesh(|mesh| match (mesh.find(&between), way) {
            (Ok(at), Some(way)) => mesh.pairs[at].way = way,
            (Ok(at), None) => drop(mesh.pairs.remove(at)),
            (Err(at), Some(way)) => mesh.pairs.insert(at, MeshPair { between, way }),
            (Err(_), None) => {}
        }))
    }

    /// A node is no more, and what was chosen for it neither.
    pub(super) fn forget_pairs(&mut self, node: &Name) {
        self.change_mesh(|mesh| mesh.pairs.retain(|pair| !pair.between.contains(node)));
    }

    fn change_mesh(&mut self, change: impl FnOnce(&mut ChosenMesh)) -> Effect {
        let there = self.intent.mesh.as_deref().cloned().unwrap_or_default();
        let mut mesh = there.clone();
        change(&mut mesh);
        if mesh == there {
            return Effect::Unchanged(there.revision);
        }
        self.put(Value::Mesh(Arc::new(ChosenMesh { revision: self.revision(), ..mesh })));
        Effect::Changed
    }
}
