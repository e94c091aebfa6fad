using Quorate.Etcdctl;

return await CtlProgram.RunAsync(args, Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
    .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? ""));
