-- topic: bot_detection_results
-- format: avro
-- table: gold.bot_detection_results
-- collection: bot_detection_results
-- key: user_id, window_start
SELECT
  user_id, ip_address, window_start, window_end, first_event, last_event,
  main_page_views, listing_views, product_views, gallery_views,
  country, platform, nb_orders, is_known_user, user_version,
  bot.prediction AS prediction,
  bot.probability AS probability,
  bot.model_version AS model_version,
  bot.error AS error
FROM (
  SELECT *, predict(
    'Bot Detector',
    array(country, platform),
    array(main_page_views, listing_views, product_views, gallery_views, nb_orders)
  ) AS bot
  FROM windows_with_users
)
