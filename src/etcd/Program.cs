using Quorate.Server.Hosting;

return await EtcdProgram.RunAsync(args);
