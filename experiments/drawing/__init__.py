"""Figures as SVG, from numbers alone: knows nothing of scenarios, runs or pages.

Why not a library? A report should open at once, anywhere, without loading anything: at most 3 MB and half a
second for 60 charts of four lines of 100,000 points, and 1.5 MB for that of `make demo`. Measured in Debian's
Chromium on a busy machine of two cores: size of the file; CPU time of all of Chromium's processes until two frames
are drawn, the least of three, of which almost any page takes 0.35 s; heap of its scripts. All libraries were given
the lines thinned as ours are, to the least and the largest of each of 400 columns, in one file that loads nothing.

    60 charts                    file    to open     heap    one chart, lines whole
    ours                       1.1 MB     0.58 s   0.7 MB    0.03 MB (it thins)
    matplotlib 3.11, SVG       4.8 MB     0.94 s   0.7 MB    0.6 MB (it simplifies paths)
    pygal                      5.1 MB      1.1 s   0.7 MB    8.6 MB
    bokeh 3.9                  3.6 MB      7.1 s    46 MB    4.3 MB
    altair 6.3 (Vega-Lite)     7.9 MB      4.8 s   152 MB    15 MB
    plotly 7.1                 7.4 MB      5.0 s    43 MB    9.3 MB

matplotlib and pygal come near; but what a page needs beside the picture is as much code with them: switches for
arms, colors of two themes, words for who cannot see it, numbers under a pointer, a table. The report of the demo
is 0.94 MB, opens in 0.68 s of CPU time (0.73 s on that machine's clock), and takes 0.8 MB of heap.
"""
