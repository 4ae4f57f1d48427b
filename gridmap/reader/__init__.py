"""The tied-up child process that opens foreign files.

Belongs here: everything that touches the bytes of a file nobody trusts. Run as
``python -I gridmap/reader`` by ``files`` and by nothing else: alone, with an allow-list of GDAL
drivers in its environment and limits on time, memory and files. A VRT or GDALG pipeline under
an innocent name would read any file of this machine otherwise (reliability.md 1, measured).

The request is JSON on standard input, the answer JSON on standard output, the rows an Arrow
stream of batches, so that no file is ever held as a whole. It imports nothing else of gridmap.

Inside, ``answers`` looks at a file's first bytes and asks one of ``vectors`` (GDAL), ``sheets``,
``kml`` and ``parquet``; ``archives`` unpacks, ``encodings`` tells text apart, ``geojson`` and
``dbase`` read what GDAL does not say, ``geoarrow`` what is no WKB, ``rows`` writes.
"""
