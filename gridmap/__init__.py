"""gridmap: who covers which building, and which ground no camera sees.

The pure rooms take frames and give frames, without a database; import them by name:

- ``gridmap.model``: levels, codes, layers and their rules;
- ``gridmap.crs``: coordinate frames, the shifted Chinese ones too, and which one a file is in;
- ``gridmap.topology``: which unit a building or camera belongs to, whether units tile their parent;
- ``gridmap.loads``: how many households grids hold, and how evenly;
- ``gridmap.differences``: what differs between two days;
- ``gridmap.org_coverage``: who covers which target, and the reason where nobody does;
- ``gridmap.trend``: what became of it between two snapshots, and why the rates moved;
- ``gridmap.org_tree``: whether Party organisations are a tree, and of a size;
- ``gridmap.triage``: who answers for a matter, what is asked, where matters gather;
- ``gridmap.reconciliation``: what does not add up between tables, grids that conflict;
- ``gridmap.walking``: how far it is on foot along roads;
- ``gridmap.visibility``: what a camera sees among walls;
- ``gridmap.camera_coverage``: seen and blind ground.

Nothing is imported here, so that no command waits for a compiler it does not need.
"""

__version__ = "0.1.0"
