// Each button records a verdict; the transaction leaves the list once it is recorded.
"use strict";

async function confirm(article, fraud) {
  const said = document.getElementById("said");
  try {
    const answer = await fetch("confirm", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ trans_num: article.dataset.transaction, fraud_confirmed: fraud }),
    });
    if (!answer.ok) throw new Error((await answer.json()).error);
    article.remove();
    said.textContent = "Recorded.";
  } catch (error) {
    said.textContent = `Not recorded: ${error.message}`;
  }
}

document.addEventListener("click", (event) => {
  const fraud = event.target.dataset.fraud;
  if (fraud !== undefined) confirm(event.target.closest("article"), Number(fraud));
});
