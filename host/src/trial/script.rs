//! Capabilities that answer as a test case says: `plugin test` has no mail
//! server and no disk, and the same answer every time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::wasm_wave::{self};
use wasmtime::component::{Component, Linker, Type, Val};

use super::exchange::{self, Exchange};
use super::trace::HostCall;
use crate::capability::Grants;
use crate::capability::offers::offers;
use crate::component::interfaces::Offer;
use crate::component::problem;
use crate::plugin::call::State;

/// The calls that are expected, in order, with their answers.
pub struct Script {
    left: Mutex<VecDeque<HostCall>>,
    deviations: Mutex<Vec<String>>,
    /// The requests over HTTP, with their answers.
    pub http: Arc<exchange::Script>,
}

impl Script {
    /// Expects `calls`, and these `exchanges` over HTTP.
    pub fn new(calls: Vec<HostCall>, exchanges: Vec<Exchange>) -> Arc<Self> {
        Arc::new(Self {
            left: Mutex::new(calls.into()),
            deviations: Mutex::default(),
            http: exchange::Script::new(exchanges),
        })
    }

    /// Where the guest did otherwise, what it did not ask for included.
    pub fn deviations(&self) -> Vec<String> {
        let mut deviations = self.deviations.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        deviations.extend(left.iter().map(|call| format!("missing call: {}", call.call)));
        deviations.extend(self.http.deviations());
        deviations
    }

    /// Replaces, in `linker`, every interface that `component` needs a grant for.
    pub(super) fn link(
        self: &Arc<Self>,
        linker: &mut Linker<State>,
        component: &Component,
    ) -> wasmtime::Result<()> {
        let engine = component.engine().clone();
        let offers = offers(&Grants::default());
        for (import, item) in component.component_type().imports(&engine) {
            let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
            let Some((name, _)) = problem::ours(import) else { continue };
            if !Offer::find(&offers, name).is_some_and(Offer::needs_grant) {
                continue;
            }
            let mut interface = linker.instance(import)?;
            for (function, item) in instance.exports(&engine) {
                let ComponentItem::ComponentFunc(_) = item.ty else { continue };
                let (script, full) = (self.clone(), format!("{name}.{function}"));
                interface.func_new(function, move |_, r#type, arguments, results| {
                    let answer = script.answer(&full, &r#type, arguments)?;
                    if let (Some(result), Some(answer)) = (results.first_mut(), answer) {
                        *result = answer;
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        function: &str,
        r#type: &ComponentFunc,
        arguments: &[Val],
    ) -> wasmtime::Result<Option<Val>> {
        let shown: Vec<String> = (arguments.iter())
            .map(|value| wasm_wave::to_string(value).unwrap_or_else(|error| error.to_string()))
            .collect();
        let call = format!("{function}({})", shown.join(", "));
        let deviate = |text: String| {
            self.deviations.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
            Err(wasmtime::Error::msg(text))
        };
        let next = self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(expected) = next else {
            return deviate(format!("unexpected call: {call}"));
        };
        let types: Vec<Type> = r#type.params().map(|(_, r#type)| r#type).collect();
        let same = expected.call.strip_prefix(function).is_some_and(|written| {
            // Spaces and escapes may be written in several ways.
            UntypedFuncCall::parse(&format!("f{written}"))
                .and_then(|call| call.to_wasm_params::<Val>(&types))
                .is_ok_and(|values| values == arguments)
        });
        if !same {
            return deviate(format!("expected {}\n     called {call}", expected.call));
        }
        let Some(result) = r#type.results().next() else { return Ok(None) };
        let answer = expected.answer.unwrap_or_default();
        match wasm_wave::from_str::<Val>(&result, &answer) {
            Ok(value) => Ok(Some(value)),
            Err(error) => deviate(format!("the answer {answer:?} of {call}: {error}")),
        }
    }
}

/// Whether two texts in WAVE are the same value of the result of the handler's
/// function `function`.
pub(super) fn same_result(component: &Component, function: &str, a: &str, b: &str) -> bool {
    let engine = component.engine();
    let exports = component.component_type();
    let handler = exports.exports(engine).find_map(|(name, item)| match item.ty {
        ComponentItem::ComponentInstance(instance)
            if problem::ours(name).is_some_and(|(name, _)| name == "handler") =>
        {
            Some(instance)
        }
        _ => None,
    });
    let Some(ComponentItem::ComponentFunc(function)) = handler
        .as_ref()
        .and_then(|handler| handler.get_export(engine, function))
        .map(|item| item.ty)
    else {
        return false;
    };
    let Some(result) = function.results().next() else { return false };
    match (wasm_wave::from_str::<Val>(&result, a), wasm_wave::from_str::<Val>(&result, b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
