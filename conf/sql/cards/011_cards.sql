-- Decided card transactions. The first decision on a transaction counts; fraud_confirmed is empty
-- until somebody has looked: 1 is a confirmed fraud, 0 a genuine transaction.

CREATE TABLE IF NOT EXISTS fraud_detection_2_table (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    trans_date_trans_time DATETIME(6) NOT NULL,
    cc_num VARCHAR(19) NOT NULL,
    merchant VARCHAR(255) NOT NULL,
    category VARCHAR(255) NOT NULL,
    amt DOUBLE NOT NULL,
    `first` VARCHAR(255),
    `last` VARCHAR(255),
    gender VARCHAR(255),
    street VARCHAR(255),
    city VARCHAR(255),
    state VARCHAR(255),
    zip VARCHAR(255),
    lat DOUBLE,
    `long` DOUBLE,
    city_pop BIGINT,
    job VARCHAR(255),
    dob VARCHAR(10),
    trans_num VARCHAR(64) NOT NULL,
    unix_time BIGINT,
    merch_lat DOUBLE,
    merch_long DOUBLE,
    is_fraud BOOLEAN NOT NULL,
    fraud_confirmed BOOLEAN DEFAULT NULL,
    score DOUBLE NOT NULL,
    decision VARCHAR(16) NOT NULL,
    expected_loss DOUBLE NOT NULL,
    model_version INT NOT NULL,
    predicted_at DATETIME(6) NOT NULL,
    features JSON NOT NULL,
    -- How likely this row was to be looked at, and whether the plan has drawn it.
    verify_chance DOUBLE NOT NULL,
    drawn BOOLEAN NOT NULL,
    confirmed_at DATETIME(6),
    UNIQUE KEY one_transaction (trans_num),
    KEY of_a_card (cc_num, trans_date_trans_time),
    KEY queue (fraud_confirmed, is_fraud, expected_loss)
);

-- Verdicts, written together with the row that they are about, and whether Kafka has them.
CREATE TABLE IF NOT EXISTS card_confirmations (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    trans_num VARCHAR(64) NOT NULL,
    message JSON NOT NULL,
    sent BOOLEAN NOT NULL DEFAULT FALSE,
    KEY waiting (sent, id)
);
