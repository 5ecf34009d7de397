//! The order saga of the README over a small stream of orders, durably.
//!
//! ```text
//! cargo run --example order_processing                # runs what is left to do, and shows how all ended
//! cargo run --example order_processing -- --crash     # kills itself in the middle of things
//! cargo run --example order_processing -- --reset     # forgets all, and begins again
//! cargo run --example order_processing -- --db PATH   # keeps the sagas there, instead of in orders.db
//! ```
//!
//! Run it with `--crash` as often as you like: the next run takes up what the last one left where it stood, going
//! forward or back, and nobody is charged twice. The services keep books of their own (`orders.ledger.db`), which
//! are compared with the sagas at the end: the exit code is 0 if they agree, 1 if not, and 2 if the orders could not be
//! run at all. Look into both files with the `sqlite3` shell.

#[path = "order_processing/arguments.rs"]
mod arguments;
#[path = "order_processing/crash.rs"]
mod crash;
#[path = "order_processing/report.rs"]
mod report;

use std::error::Error;
use std::process::ExitCode;

use arguments::Arguments;
use saga::policy::secs;
use saga::{Coordinator, EventFilter, StartOptions, StepContext, saga, step};
use saga_examples::audit::Ended;
use saga_examples::progress::Progress;
use saga_examples::shop::{
    Confirmation, HasMailer, InventoryError, InventoryService, Ledger, MailError, Mailer, Order, OrderError,
    OrderRequest, OrderService, Payment, PaymentError, PaymentService, Reservation, euros, order_stream,
};
use tokio::task::JoinSet;

/// The order saga: its services, and the way through its steps.
#[saga(
    steps(
        create_order
        -> reserve_inventory
        -> process_payment(reserve_inventory, create_order)     // takes two earlier outputs
        -> (confirm_order(create_order) & notify(create_order)) // these two run at the same time
    ),
    timeout = minutes(30),
    retry = exponential(5, millis(20), millis(200)),
    compensation = sequential(secs(30)).retry(fixed(3, millis(40))),
)]
struct OrderProcessing {
    orders: OrderService,
    inventory: InventoryService,
    payments: PaymentService,
    mailer: Mailer,
}

/// Creates the order in the order service.
#[step(compensate = cancel_order, timeout = secs(5), retry = fixed(5, millis(50)))]
async fn create_order(shop: &OrderProcessing, request: &OrderRequest) -> Result<Order, OrderError> {
    shop.orders.create(request).await
}

async fn cancel_order(shop: &OrderProcessing, order: &Order) -> Result<(), OrderError> {
    shop.orders.cancel(order).await
}

/// Puts the stock aside.
#[step(compensate = release_inventory)]
async fn reserve_inventory(shop: &OrderProcessing, order: &Order) -> Result<Reservation, InventoryError> {
    shop.inventory.reserve(order).await
}

async fn release_inventory(shop: &OrderProcessing, stock: &Reservation) -> Result<(), InventoryError> {
    shop.inventory.release(stock).await
}

/// Charges the card. Past this point the saga only goes forward.
#[step(pivot, verify = find_payment, timeout = millis(500), retry = fixed(3, millis(40)))]
async fn process_payment(
    cx: &StepContext<OrderProcessing>,
    _stock: &Reservation,
    order: &Order,
) -> Result<Payment, PaymentError> {
    cx.payments.charge(cx.idempotency_key(), order).await
}

/// Asked when an attempt ended without an answer: did the charge happen?
async fn find_payment(
    cx: &StepContext<OrderProcessing>,
    _stock: &Reservation,
    order: &Order,
) -> Result<Option<Payment>, PaymentError> {
    cx.payments.settle(cx.idempotency_key(), order).await
}

/// Confirms the order.
#[step(retriable)]
async fn confirm_order(shop: &OrderProcessing, order: &Order) -> Result<Confirmation, OrderError> {
    shop.orders.confirm(order).await
}

/// Tells the customer. A step of any saga that has a mailer.
#[step(retriable)]
async fn notify<S: HasMailer>(shop: &S, order: &Order) -> Result<(), MailError> {
    let text =
        format!("Dear {}, your order over {} EUR is on its way.", order.customer, euros(order.total_cents));
    shop.mailer().send(&order.id, text).await
}

impl HasMailer for OrderProcessing {
    fn mailer(&self) -> &Mailer {
        &self.mailer
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let balances = match Arguments::read() {
        Ok(Some(arguments)) => process(arguments).await,
        Ok(None) => Ok(true),
        Err(mistake) => Err(mistake.into()),
    };
    match balances {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("order_processing: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs what is left to do of all orders; whether the books balance in the end.
async fn process(arguments: Arguments) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let store = arguments.open_store().await?;
    let ledger = Ledger::open(&arguments.ledger())?;
    let (orders, troubles) = order_stream()?;
    let left = report::left_behind(&store).await?;

    let shop = OrderProcessing {
        orders: OrderService::new(&ledger),
        inventory: InventoryService::new(&ledger, &troubles),
        payments: PaymentService::new(&ledger, &troubles),
        mailer: Mailer::new(&ledger, &troubles),
    };
    let coordinator = Coordinator::builder(store)
        .saga(shop)
        .max_concurrent_sagas(8)
        .acquire_timeout(secs(60))
        .build()
        .await?; // takes up what a crash left behind
    if arguments.crash {
        tokio::spawn(crash::in_the_middle(coordinator.subscribe(EventFilter::all()), left));
    }

    // All orders are started, each time: the key makes it one saga an order, however often it is started.
    let mut progress = Progress::new(orders.len());
    let mut running = JoinSet::new();
    for request in orders {
        let coordinator = coordinator.clone();
        running.spawn(async move {
            let options = StartOptions::new().key(&request.id).label("customer", &request.customer);
            let order = coordinator.start_with::<OrderProcessing>(request.clone(), options).await?;
            let outcome = order.outcome().await?.map(|(confirmation, ())| confirmation);
            Ok::<_, Box<dyn Error + Send + Sync>>(Ended { request, saga: order.id(), outcome })
        });
    }
    let mut ended = Vec::new();
    while let Some(order) = running.join_next().await {
        let order = order??;
        progress.ended(&order.request.id, order.outcome.state());
        ended.push(order);
    }
    progress.finish();
    if arguments.crash {
        println!("Too few orders were left for a crash in the middle of them; --reset begins again.");
    }
    let balances = report::print(&coordinator, &ledger, ended).await?;
    coordinator.shutdown().await;
    Ok(balances)
}
