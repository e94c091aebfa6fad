using Quorate.Etcdutl;

return UtlProgram.Run(args);
