//! Whether the functions that a component exports and asks for have the types
//! of this host's contract.
//!
//! Names and versions do not tell: a component that was built from a copy of
//! the contract with one field less has the same ones, and would fail at its
//! first call, while a camera waits. The component model knows no subtypes of
//! records, so types have to be the same. A host of a later 0.1.x has more
//! functions and interfaces than an earlier one, and those as they were; so it
//! takes every component of an earlier one.

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentEntityType, ComponentFuncTypeId,
    ComponentInstanceTypeId, ComponentItem, ComponentType, ComponentValType,
};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{PrimitiveValType, Validator};

use super::outline::Outline;
use super::problem::{Problem, ours};
use crate::contract::COMPONENT_TYPE;

/// The interface that a component exports to be an action.
const HANDLER: &str = "handler";

/// Whether what `component`, with these `types`, exports and imports of the
/// contract can be called.
///
/// # Errors
/// The first function that is otherwise than this host's.
pub fn check(component: &Outline, types: &Types) -> Result<(), Problem> {
    let contract = Contract::read();
    let types = types.as_ref();
    for import in &component.imports {
        let Some((interface, _)) = ours(import) else { continue };
        let known = contract.find(&contract.world().imports, interface);
        let asked = types.component_item_for_import(import).and_then(instance);
        let (Some(known), Some(asked)) = (known, asked) else { continue };
        let known = contract.functions(known);
        for (name, function) in functions(types, asked) {
            let function_name = format!("{interface}.{name}");
            match known.iter().find(|(known, _)| *known == name) {
                Some((_, known)) => contract.compare(&function_name, types, function, *known)?,
                None => return Err(Problem::NotOffered(function_name)),
            }
        }
    }
    let handler = component
        .exports
        .iter()
        .find(|export| ours(export).is_some_and(|(name, _)| name == HANDLER));
    let exported =
        handler.and_then(|name| types.component_item_for_export(name)).and_then(instance);
    let known = contract.find(&contract.world().exports, HANDLER);
    let (Some(exported), Some(known)) = (exported, known) else { return Ok(()) };
    let exported = functions(types, exported);
    for (name, known) in contract.functions(known) {
        let function_name = format!("{HANDLER}.{name}");
        match exported.iter().find(|(exported, _)| *exported == name) {
            Some((_, function)) => contract.compare(&function_name, types, *function, known)?,
            None => return Err(otherwise(&function_name, "is missing".to_owned())),
        }
    }
    Ok(())
}

fn otherwise(function: &str, difference: String) -> Problem {
    Problem::OtherTypes { function: function.to_owned(), difference }
}

/// The contract as this host was built with it.
struct Contract(Types);

impl Contract {
    fn read() -> Self {
        let types = Validator::new().validate_all(COMPONENT_TYPE);
        Self(types.expect("the contract in this program is a component's type"))
    }

    /// The world with every interface: the type of the type that the binary
    /// exports, as `wit-component` writes it.
    fn world(&self) -> &ComponentType {
        let outer = &self.0[self.0.as_ref().component_type_at(0)];
        let world = outer.exports.values().find_map(|item| match item.ty {
            ComponentEntityType::Component(id) => Some(id),
            ComponentEntityType::Type { referenced: ComponentAnyTypeId::Component(id), .. } => {
                Some(id)
            }
            _ => None,
        });
        &self.0[world.expect("the contract in this program has a world")]
    }

    fn find<'a>(
        &self,
        items: impl IntoIterator<Item = (&'a String, &'a ComponentItem)>,
        interface: &str,
    ) -> Option<ComponentInstanceTypeId> {
        let named = |name: &str| ours(name).is_some_and(|(name, _)| name == interface);
        items.into_iter().find(|(name, _)| named(name)).and_then(|(_, item)| instance(item))
    }

    fn functions(&self, instance: ComponentInstanceTypeId) -> Vec<(&str, ComponentFuncTypeId)> {
        functions(self.0.as_ref(), instance)
    }

    fn compare(
        &self,
        name: &str,
        types: TypesRef<'_>,
        function: ComponentFuncTypeId,
        known: ComponentFuncTypeId,
    ) -> Result<(), Problem> {
        let comparison = Comparison { theirs: types, known: self.0.as_ref() };
        match comparison.of_functions(function, known) {
            Some(difference) => Err(otherwise(name, difference)),
            None => Ok(()),
        }
    }
}

fn instance(item: &ComponentItem) -> Option<ComponentInstanceTypeId> {
    match item.ty {
        ComponentEntityType::Instance(id) => Some(id),
        _ => None,
    }
}

fn functions(
    types: TypesRef<'_>,
    instance: ComponentInstanceTypeId,
) -> Vec<(&str, ComponentFuncTypeId)> {
    let Some(instance) = types.get(instance) else { return Vec::new() };
    let functions = instance.exports.iter().filter_map(|(name, item)| match item.ty {
        ComponentEntityType::Func(id) => Some((name.as_str(), id)),
        _ => None,
    });
    functions.collect()
}

/// Types of a component beside those of the contract. What differs is told as
/// the way to it: `parameter draft: field files: ...`.
struct Comparison<'a> {
    theirs: TypesRef<'a>,
    known: TypesRef<'a>,
}

impl Comparison<'_> {
    fn of_functions(
        &self,
        theirs: ComponentFuncTypeId,
        known: ComponentFuncTypeId,
    ) -> Option<String> {
        let (theirs, known) = (self.theirs.get(theirs)?, self.known.get(known)?);
        if theirs.async_ != known.async_ {
            return Some("is async".to_owned());
        }
        let parameters = |function: &'_ wasmparser::component_types::ComponentFuncType| {
            let name = |(name, r#type): &(_, ComponentValType)| (format!("{name}"), Some(*r#type));
            function.params.iter().map(name).collect::<Vec<_>>()
        };
        self.of_members("parameter", parameters(theirs), parameters(known))
            .or_else(|| self.within("result", theirs.result, known.result))
    }

    /// Fields, cases and parameters have their names and their order.
    fn of_members(&self, kind: &str, theirs: Members, known: Members) -> Option<String> {
        let has = |members: &Members, name: &str| members.iter().any(|(known, _)| known == name);
        if let Some((name, _)) = known.iter().find(|(name, _)| !has(&theirs, name)) {
            return Some(format!("lacks the {kind} {name}"));
        }
        if let Some((name, _)) = theirs.iter().find(|(name, _)| !has(&known, name)) {
            return Some(format!("has a {kind} {name} too many"));
        }
        theirs.into_iter().zip(known).find_map(|((name, r#type), (expected, known))| {
            if name != expected {
                return Some(format!("has the {kind} {name} where {expected} belongs"));
            }
            self.within(&format!("{kind} {name}"), r#type, known)
        })
    }

    fn within(
        &self,
        place: &str,
        theirs: Option<ComponentValType>,
        known: Option<ComponentValType>,
    ) -> Option<String> {
        let difference = match (theirs, known) {
            (None, None) => None,
            (Some(theirs), Some(known)) => self.of_values(theirs, known),
            (Some(_), None) => Some("has a value too many".to_owned()),
            (None, Some(_)) => Some("lacks its value".to_owned()),
        };
        difference.map(|difference| format!("{place}: {difference}"))
    }

    fn of_values(&self, theirs: ComponentValType, known: ComponentValType) -> Option<String> {
        use ComponentDefinedType as Defined;

        let (theirs, known) = (resolve(self.theirs, theirs)?, resolve(self.known, known)?);
        match (&theirs, &known) {
            (Value::Primitive(a), Value::Primitive(b)) if a == b => None,
            (Value::Defined(a), Value::Defined(b)) => match (a, b) {
                (Defined::Record(a), Defined::Record(b)) => {
                    let fields = |record: &wasmparser::component_types::RecordType| {
                        let fields = record.fields.iter();
                        fields.map(|(name, ty)| (name.to_string(), Some(*ty))).collect()
                    };
                    self.of_members("field", fields(a), fields(b))
                }
                (Defined::Variant(a), Defined::Variant(b)) => {
                    let cases = |variant: &wasmparser::component_types::VariantType| {
                        let cases = variant.cases.iter();
                        cases.map(|(name, case)| (name.to_string(), case.ty)).collect()
                    };
                    self.of_members("case", cases(a), cases(b))
                }
                (Defined::Enum(a), Defined::Enum(b)) | (Defined::Flags(a), Defined::Flags(b)) => {
                    let names = |names: &mut dyn Iterator<Item = String>| {
                        names.map(|name| (name, None)).collect()
                    };
                    let a = names(&mut a.iter().map(ToString::to_string));
                    self.of_members("case", a, names(&mut b.iter().map(ToString::to_string)))
                }
                (Defined::List { element: a, .. }, Defined::List { element: b, .. }) => {
                    self.within("element", Some(*a), Some(*b))
                }
                (Defined::Option { ty: a, .. }, Defined::Option { ty: b, .. }) => {
                    self.of_values(*a, *b)
                }
                (Defined::Tuple(a), Defined::Tuple(b)) => {
                    let parts = |tuple: &wasmparser::component_types::TupleType| {
                        let parts = (1..).zip(&tuple.types);
                        parts.map(|(n, ty)| (format!("{n}"), Some(*ty))).collect()
                    };
                    self.of_members("part", parts(a), parts(b))
                }
                (
                    Defined::Result { ok: ok_a, err: err_a, .. },
                    Defined::Result { ok: ok_b, err: err_b, .. },
                ) => self.within("ok", *ok_a, *ok_b).or_else(|| self.within("err", *err_a, *err_b)),
                // Which resource it is, is a matter of names.
                (Defined::Own(_), Defined::Own(_)) | (Defined::Borrow(_), Defined::Borrow(_)) => {
                    None
                }
                _ => Some(kinds(&theirs, &known)),
            },
            _ => Some(kinds(&theirs, &known)),
        }
    }
}

/// Names with their types, in order.
type Members = Vec<(String, Option<ComponentValType>)>;

enum Value<'a> {
    Primitive(PrimitiveValType),
    Defined(&'a ComponentDefinedType),
}

/// A type without the names that it may have been given.
fn resolve(types: TypesRef<'_>, r#type: ComponentValType) -> Option<Value<'_>> {
    Some(match r#type {
        ComponentValType::Primitive(primitive) => Value::Primitive(primitive),
        ComponentValType::Type(id) => match types.get(id)? {
            ComponentDefinedType::Primitive(primitive) => Value::Primitive(*primitive),
            defined => Value::Defined(defined),
        },
    })
}

fn kinds(theirs: &Value<'_>, known: &Value<'_>) -> String {
    format!("is {} where {} belongs", kind(theirs), kind(known))
}

fn kind(value: &Value<'_>) -> String {
    use ComponentDefinedType as Defined;

    let kind = match value {
        Value::Primitive(primitive) => return primitive.to_string(),
        Value::Defined(Defined::Primitive(primitive)) => return primitive.to_string(),
        Value::Defined(Defined::Record(_)) => "a record",
        Value::Defined(Defined::Variant(_)) => "a variant",
        Value::Defined(Defined::Enum(_)) => "an enum",
        Value::Defined(Defined::Flags(_)) => "flags",
        Value::Defined(Defined::List { .. } | Defined::FixedLengthList { .. }) => "a list",
        Value::Defined(Defined::Map { .. }) => "a map",
        Value::Defined(Defined::Option { .. }) => "an option",
        Value::Defined(Defined::Tuple(_)) => "a tuple",
        Value::Defined(Defined::Result { .. }) => "a result",
        Value::Defined(Defined::Own(_) | Defined::Borrow(_)) => "a handle",
        Value::Defined(Defined::Future { .. } | Defined::Stream { .. }) => "a stream",
    };
    kind.to_owned()
}
