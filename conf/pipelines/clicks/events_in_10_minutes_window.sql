-- What each user looked at in ten minutes, every two minutes: a click counts in five windows.
SELECT
  user_id,
  window.start AS window_start,
  window.end AS window_end,
  min(ts) AS first_event,
  max(ts) AS last_event,
  CAST(count_if(event = 'main_page') AS INT) AS main_page_views,
  CAST(count_if(event = 'products_listing') AS INT) AS listing_views,
  CAST(count_if(event = 'product_page') AS INT) AS product_views,
  CAST(count_if(event = 'product_gallery') AS INT) AS gallery_views
FROM clicks_once
GROUP BY user_id, window(ts, '10 minutes', '2 minutes')
