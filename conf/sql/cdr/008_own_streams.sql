-- Streams that began before there were several domains are all of this one.

UPDATE Streams SET domain = 'cdr' WHERE domain = '';
