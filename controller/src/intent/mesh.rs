//! How the mesh is laid out, where that was chosen while it was live.

use std::sync::Arc;

use api::MeshSpec;
use serde::{Deserialize, Serialize};

use super::{
    Value,
    change::{Draft, Effect},
};

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenMesh {
    /// What it is to be.
    pub spec: MeshSpec,
    /// The revision of the choice.
    pub revision: u64,
}

impl Draft<'_> {
    pub(super) fn put_mesh(&mut self, spec: MeshSpec) -> Effect {
        if let Some(there) = self.intent.mesh.as_ref().filter(|there| there.spec == spec) {
            return Effect::Unchanged(there.revision);
        }
        self.put(Value::Mesh(Arc::new(ChosenMesh { spec, revision: self.revision() })));
        Effect::Changed
    }
}
