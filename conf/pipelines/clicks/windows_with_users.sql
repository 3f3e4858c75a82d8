-- Each window with what is known of its user; of a stranger nothing is, and the row says so.
SELECT
  w.*,
  u.ip_address,
  u.country,
  u.platform,
  coalesce(u.nb_orders, 0) AS nb_orders,
  u.id IS NOT NULL AS is_known_user,
  u.position AS user_version
FROM events_in_10_minutes_window AS w
LEFT JOIN users AS u ON w.user_id = CAST(u.id AS STRING)
