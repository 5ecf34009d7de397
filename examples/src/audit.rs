//! Do the services' books say what the sagas say? Each order is charged once or not at all, and no stock is lost.

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::Connection;
use saga::machine::StuckReason;
use saga::{Outcome, SagaId};

use crate::shop::{Confirmation, Ledger, LedgerError, OrderRequest, euros};

/// An order, and how its saga ended.
#[derive(Debug)]
pub struct Ended {
    /// The order.
    pub request: OrderRequest,
    /// Its saga.
    pub saga: SagaId,
    /// How.
    pub outcome: Outcome<Confirmation>,
}

/// The books, added up, and all that doesn't fit.
#[derive(Debug)]
pub struct Audit {
    books: Books,
    /// Each contradiction between the books and the sagas, in words; empty: it balances.
    pub contradictions: Vec<String>,
}

#[derive(Debug, Default)]
struct Books {
    orders: BTreeMap<String, OrderBooks>,
    stock: BTreeMap<String, Stock>,
    calls: BTreeMap<String, (u64, u64)>,
    closed_keys: u64,
}

/// What the services know of one order.
#[derive(Debug, Default)]
struct OrderBooks {
    status: String,
    pieces_held: u64,
    charges_cents: Vec<u64>,
    mails: u64,
}

#[derive(Debug, Default)]
struct Stock {
    initial: u64,
    available: u64,
    held: u64,
}

/// What the books must say of an order, going by its outcome. Where the saga itself says that something is not
/// undone, or waits for a person, the books may have it either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    Have,
    NotHave,
    Either,
}

impl Audit {
    /// Compares the books with the outcomes.
    pub fn of(ledger: &Ledger, ended: &[Ended]) -> Result<Self, LedgerError> {
        let books = ledger.read(Books::read)?;
        let mut contradictions: Vec<String> =
            ended.iter().flat_map(|ended| books.contradictions_of(ended)).collect();
        let known: Vec<&str> = ended.iter().map(|ended| ended.request.id.as_str()).collect();
        let strangers = books.orders.keys().filter(|id| !known.contains(&id.as_str()));
        contradictions.extend(strangers.map(|id| format!("{id} is in the books, and no saga knows it")));
        for (sku, Stock { initial, available, held }) in &books.stock {
            if available + held != *initial {
                contradictions.push(format!("{sku}: {available} left and {held} held are not {initial}"));
            }
        }
        Ok(Self { books, contradictions })
    }
}

impl Books {
    fn read(connection: &Connection) -> Result<Self, LedgerError> {
        let mut books = Self::default();
        rows(connection, "SELECT id, status FROM orders", |id, row| {
            books.order(id).status = row.get(1)?;
            Ok(())
        })?;
        let held = "SELECT order_id, quantity, sku FROM reservations WHERE status = 'held'";
        let mut held_by_sku = BTreeMap::<String, u64>::new();
        rows(connection, held, |id, row| {
            let quantity: u64 = row.get(1)?;
            books.order(id).pieces_held += quantity;
            *held_by_sku.entry(row.get(2)?).or_default() += quantity;
            Ok(())
        })?;
        rows(
            connection,
            "SELECT order_id, amount_cents FROM payments WHERE status = 'charged'",
            |id, row| {
                books.order(id).charges_cents.push(row.get(1)?);
                Ok(())
            },
        )?;
        rows(connection, "SELECT order_id FROM notifications", |id, _| {
            books.order(id).mails += 1;
            Ok(())
        })?;
        rows(connection, "SELECT sku, initial, available FROM stock", |sku, row| {
            let held = held_by_sku.remove(&sku).unwrap_or_default();
            books.stock.insert(sku, Stock { initial: row.get(1)?, available: row.get(2)?, held });
            Ok(())
        })?;
        rows(
            connection,
            "SELECT service, sum(count), count(*) FROM calls GROUP BY service",
            |service, row| {
                books.calls.insert(service, (row.get(1)?, row.get(2)?));
                Ok(())
            },
        )?;
        let closed = "SELECT count(*) FROM payments WHERE status = 'void'";
        books.closed_keys = connection.query_row(closed, [], |row| row.get(0))?;
        Ok(books)
    }

    fn order(&mut self, id: String) -> &mut OrderBooks {
        self.orders.entry(id).or_default()
    }

    fn contradictions_of(&self, ended: &Ended) -> Vec<String> {
        let unknown = OrderBooks::default();
        let request = &ended.request;
        let books = self.orders.get(&request.id).unwrap_or(&unknown);
        let pieces: u64 = request.items.iter().map(|item| item.quantity).sum();
        // A step that never took effect leaves no trace, one that is undone leaves a cancelled order.
        let is_open = matches!(books.status.as_str(), "open" | "confirmed");
        let effects = [
            ("create_order", "its order stands", is_open, true),
            ("reserve_inventory", "its stock is held", books.pieces_held > 0, books.pieces_held == pieces),
            (
                "process_payment",
                "it is charged",
                !books.charges_cents.is_empty(),
                books.charges_cents == [request.total_cents],
            ),
            ("confirm_order", "it is confirmed", books.status == "confirmed", true),
            ("notify", "the customer has mail", books.mails > 0, books.mails == 1),
        ];
        let mut contradictions = Vec::new();
        for (step, effect, is_there, is_right) in effects {
            let id = &request.id;
            match must(&ended.outcome, step) {
                Must::Have if !is_there => {
                    contradictions.push(format!("{id} is completed, but not: {effect}"));
                }
                Must::NotHave if is_there => {
                    contradictions.push(format!("{id} is {}, but {effect}", ended.outcome.state()));
                }
                _ if is_there && !is_right => {
                    contradictions.push(format!("{id}: {effect}, but wrongly or twice: {books:?}"));
                }
                _ => {}
            }
        }
        contradictions
    }
}

fn must(outcome: &Outcome<Confirmation>, step: &str) -> Must {
    let is_forward_only = ["process_payment", "confirm_order", "notify"].contains(&step);
    match outcome {
        Outcome::Completed(_) => Must::Have,
        Outcome::Compensated(_) | Outcome::Cancelled(_) | Outcome::TimedOut(_) => Must::NotHave,
        Outcome::Failed(failed) if failed.not_undone.iter().all(|left| left.step != step) => Must::NotHave,
        // Whoever is on the way back has not been charged.
        Outcome::Stuck(StuckReason::UndoFailed { .. }) if is_forward_only => Must::NotHave,
        _ => Must::Either,
    }
}

/// Calls `each` with the first column, a text, and the row.
fn rows(
    connection: &Connection,
    query: &str,
    mut each: impl FnMut(String, &rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row)?;
    }
    Ok(())
}

/// The books as a table.
impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Books { orders, stock, calls, closed_keys } = &self.books;
        let charges: Vec<u64> = orders.values().flat_map(|order| &order.charges_cents).copied().collect();
        let count = |status: &str| orders.values().filter(|order| order.status == status).count();
        let mails: u64 = orders.values().map(|order| order.mails).sum();
        writeln!(
            f,
            "  orders     {} confirmed, {} cancelled, {} open",
            count("confirmed"),
            count("cancelled"),
            count("open")
        )?;
        let sum = euros(charges.iter().sum());
        writeln!(
            f,
            "  payments   {} charges, {sum} EUR; keys closed without a charge: {closed_keys}",
            charges.len()
        )?;
        writeln!(f, "  mails      {mails}")?;
        for (sku, Stock { initial, available, held }) in stock {
            writeln!(f, "  stock      {sku:16} {initial:>3} = {available:>2} left + {held:>2} held")?;
        }
        for (service, (calls, orders)) in calls {
            writeln!(f, "  calls      {service:16} {calls:>3} for {orders:>2} orders")?;
        }
        Ok(())
    }
}
