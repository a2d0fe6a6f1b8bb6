//! The expressions, and the calendars of several zones minute by minute.

mod reading;
mod reference;
mod years;
