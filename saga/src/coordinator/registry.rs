//! The sagas that a coordinator can drive.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::{OwnedFlow, TypedFlow};
use crate::store::DefinitionKey;
use crate::{Codec, Definition, DefinitionShape, Payload, PayloadError, Saga};

/// A saga with its services, its types erased.
pub(crate) trait Registered: Send + Sync {
    fn definition(&self) -> &'static Definition;

    /// A flow at its beginning, from a recorded input.
    fn flow(&self, input: &Payload, codec: &Codec) -> Result<Box<dyn OwnedFlow>, PayloadError>;
}

/// A saga with its services.
pub(crate) struct Typed<S>(pub(crate) Arc<S>);

impl<S: Saga> Typed<S> {
    /// A flow at its beginning.
    pub(crate) fn flow_of(&self, input: S::Input, codec: &Codec) -> Box<dyn OwnedFlow> {
        Box::new(TypedFlow::<Arc<S>, S>::new(Arc::clone(&self.0), input, Some(codec.clone())))
    }
}

impl<S: Saga> Registered for Typed<S> {
    fn definition(&self) -> &'static Definition {
        S::definition()
    }

    fn flow(&self, input: &Payload, codec: &Codec) -> Result<Box<dyn OwnedFlow>, PayloadError> {
        Ok(self.flow_of(S::INPUT.decode(codec, input)?, codec))
    }
}

/// All of them, by name and by type.
#[derive(Default)]
pub(crate) struct Registry {
    by_name: HashMap<String, Arc<dyn Registered>>,
    by_type: HashMap<TypeId, Arc<dyn std::any::Any + Send + Sync>>,
}

impl Registry {
    /// Adds a saga; its name, if there is one of this name already.
    pub(crate) fn add<S: Saga>(&mut self, saga: S) -> Result<(), String> {
        let typed = Arc::new(Typed(Arc::new(saga)));
        let name = S::definition().name.to_string();
        if self.by_name.contains_key(&name) {
            return Err(name);
        }
        self.by_name.insert(name, Arc::clone(&typed) as Arc<dyn Registered>);
        self.by_type.insert(TypeId::of::<S>(), typed);
        Ok(())
    }

    /// Adds a saga that has no type; its name, if there is one of this name already.
    #[cfg(feature = "testing")]
    pub(crate) fn add_erased(&mut self, saga: Arc<dyn Registered>) -> Result<(), String> {
        let name = saga.definition().name.to_string();
        match self.by_name.entry(name) {
            std::collections::hash_map::Entry::Occupied(taken) => Err(taken.key().clone()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(saga);
                Ok(())
            }
        }
    }

    pub(crate) fn typed<S: Saga>(&self) -> Option<Arc<Typed<S>>> {
        Arc::clone(self.by_type.get(&TypeId::of::<S>())?).downcast().ok()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<dyn Registered>> {
        self.by_name.get(name)
    }

    /// All definitions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static Definition> {
        self.by_name.values().map(|registered| registered.definition())
    }

    /// All definitions, by name.
    pub(crate) fn definitions(&self) -> HashMap<String, &'static Definition> {
        self.by_name.iter().map(|(name, registered)| (name.clone(), registered.definition())).collect()
    }

    pub(crate) fn keys(&self) -> Vec<DefinitionKey> {
        self.by_name.values().map(|registered| DefinitionKey::of(registered.definition())).collect()
    }

    pub(crate) fn shapes(&self) -> Vec<DefinitionShape> {
        self.by_name.values().map(|registered| DefinitionShape::of(registered.definition())).collect()
    }
}
