"""From a graph to something that runs: lower() makes a Plan, neutral to the machine; bind() a Program for
this one."""
